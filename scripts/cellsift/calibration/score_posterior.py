"""What the scores of one brain mean, by the train brains and by labels of the brain itself.

The log odds of a cell are a straight line of the logit, whose offset and slope differ between
brains (`between_brains`), and a smooth departure from it: a Gaussian process with binomial
observations (Rasmussen and Williams 2006, chapter 3) on classes of score. Labels that were drawn
with unequal probabilities count by their weights, as so many as have the same variance (Kish 1965).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import isotonic_regression
from scipy.special import expit, logit

from cellsift.calibration.between_brains import BetweenBrains
from cellsift.calibration.between_places import SPREAD
from cellsift.calibration.log_odds import LogOdds

# Classes of score, with an equal share of what is unsure in each.
CLASSES = 14
# The departure from the line: its standard deviation, and over which difference of logits it lasts.
DEPARTURE, LASTING = 0.4, 1.5
# How neighbouring blocks of a brain differ in the log odds of a cell at equal score, as a standard
# deviation; places further apart differ by more (`between_places`).
BLOCKS = 0.5
# Candidates that are as good as sure count a little for the division into classes.
LEAST_DOUBT = 0.02
# Scores are no surer than that.
SUREST = 1e-6
JITTER = 1e-4


@dataclass(frozen=True, eq=False)
class Labels:
    """Candidates of a brain that were drawn and labelled.

    rows (n,) of its candidates; is_cell (n,): whether each is a cell, or the part of one that it
    counts for, where several lie at the same; weight (n,): one over the probability with which each
    was drawn, or in proportion to it; block (n,): the block of tissue that each lies in, if all
    candidates of some were labelled and not single ones.
    """

    rows: np.ndarray
    is_cell: np.ndarray
    weight: np.ndarray
    block: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def without(self, rows: np.ndarray) -> "Labels":
        """But for these candidates."""
        return self.part(~np.isin(self.rows, rows))

    def part(self, kept: np.ndarray) -> "Labels":
        """Those that are kept (n,)."""
        block = None if self.block is None else self.block[kept]
        return Labels(self.rows[kept], self.is_cell[kept], self.weight[kept], block)

    def offset(self, apart: float) -> float:
        """The variance of their mean offset, where each block's has the standard deviation `apart`.

        A block counts by the weights of the labels in it: many blocks and one that holds most of
        the labels are hardly more than one.
        """
        if self.block is None:
            return 0.0
        _, of_label = np.unique(self.block, return_inverse=True)
        share = np.bincount(of_label, self.weight) / np.sum(self.weight)
        return float(apart**2 * (share**2).sum())


@dataclass(frozen=True, eq=False)
class BlocksToCome:
    """Candidates that would be labelled if the block that each lies in were drawn.

    rows (n,) of a brain's candidates; probability (n,) with which the block of each is drawn;
    number: how many blocks are.
    """

    rows: np.ndarray
    probability: np.ndarray
    number: int

    def labels(self, class_of: np.ndarray, classes: int) -> np.ndarray:
        """How many labels (classes,) to expect in each class, as their weights count."""
        total, squares = (
            np.bincount(class_of[self.rows], value, minlength=classes)
            for value in (np.ones(len(self.rows)), 1 / self.probability)
        )
        return np.divide(total**2, squares, out=np.zeros(classes), where=squares > 0)


@dataclass(frozen=True, eq=False)
class Place:
    """A part of a brain whose log odds of a cell at equal score are not quite those of the brain.

    inside (n,): which of its candidates lie there; spread: the standard deviation of such
    differences between places of a brain.
    """

    inside: np.ndarray
    spread: float

    @property
    def deviation(self) -> float:
        """That of this place from its brain, which it is a part of itself."""
        return self.spread * float(np.sqrt(1 - self.inside.mean()))

    def parts_of(self, labels: Labels) -> Iterator[tuple[Labels, bool]]:
        """The labels that lie there, and the others, each with whether they do."""
        within = self.inside[labels.rows]
        for inside in (True, False):
            yield labels.part(within == inside), inside


@dataclass(frozen=True, eq=False)
class ScorePosterior:
    """Shares of cells by class of score.

    - class_of (n,): the class of each candidate, ascending with its logit;
    - logit_of (classes,): that of the class's mean probability, before anything was known of the
      brain;
    - shares (draws, classes): draws of the share of cells in each class.
    """

    class_of: np.ndarray
    logit_of: np.ndarray
    shares: np.ndarray

    @property
    def classes(self) -> int:
        return len(self.logit_of)

    def somewhere(self, place: Place, random: np.random.Generator) -> "ScorePosterior":
        """That of a place of the brain, of which nothing more is known."""
        log_odds = logit(np.clip(self.shares, SUREST, 1 - SUREST))
        moved = log_odds + random.normal(0, place.deviation, (len(log_odds), 1))
        return replace(self, shares=expit(moved))

    def p_cell(self, logits: np.ndarray) -> np.ndarray:
        """The probability (n,) that candidates of these calibrated logits (n,) are cells.

        Between the classes it is interpolated on the logit scale. It never falls with the logit:
        classes that would are taken together, so that as many cells are expected as before.
        """
        rising_means = isotonic_regression(
            self.shares.mean(axis=0), weights=np.bincount(self.class_of)
        ).x
        offsets = logit(np.clip(rising_means, SUREST, 1 - SUREST)) - self.logit_of
        corrected = logits + np.interp(logits, self.logit_of, offsets)
        order = np.argsort(logits, kind="stable")
        rising = np.empty(len(corrected))
        rising[order] = np.maximum.accumulate(corrected[order])
        return expit(rising)


def score_posterior(
    logits: np.ndarray,
    labels: Sequence[Labels],
    between: BetweenBrains,
    seed: int | Sequence[int],
    between_places: float = SPREAD,
) -> ScorePosterior:
    """The shares of cells by score, given calibrated logits (n,) of all candidates of a brain.

    `labels` are of one or several draws. Those of whole blocks have an offset of their own, as
    neighbouring blocks differ (`BLOCKS`) and the places that they lie in do, by the standard
    deviation `between_places`. Sampled by importance around the mode. Without labels it is what
    the train brains say alone.
    """
    class_of, logit_of = _classes(logits)
    model = _prior(logit_of, between)
    for of_draw in labels:
        model = _with_labels(model, class_of, of_draw, _apart(between_places))
    return ScorePosterior(class_of, logit_of, model.shares(len(logit_of), seed))


def place_posterior(
    whole: ScorePosterior,
    labels: Sequence[Labels],
    between: BetweenBrains,
    seed: int | Sequence[int],
    place: Place,
) -> ScorePosterior:
    """The shares of cells by score in a place of a brain, whose posterior is `whole`.

    Of what differs there only `labels` within tell; those of elsewhere tell of the brain.
    """
    model = _prior(whole.logit_of, between).with_unknown(place.deviation**2)
    for of_draw in labels:
        for part, inside in place.parts_of(of_draw):
            apart = BLOCKS if inside else _apart(place.spread)
            model = _with_labels(model, whole.class_of, part, apart, inside)
    return replace(whole, shares=model.shares(whole.classes, seed, of_place=True))


def posteriors_to_come(
    logits: np.ndarray,
    labels: Sequence[Labels],
    between: BetweenBrains,
    seed: int,
    further: Iterable[tuple[int, BlocksToCome | None]],
    between_places: float = SPREAD,
) -> Iterator[ScorePosterior]:
    """Yield for each of `further` what to expect of `score_posterior` with so much more.

    That is, with so many more labels, drawn where doubt is, and with those of whole blocks, if they
    turn out as what is known until now says.
    """
    class_of, logit_of = _classes(logits)
    apart, known = _apart(between_places), _prior(logit_of, between)
    for of_draw in labels:
        known = _with_labels(known, class_of, of_draw, apart)
    # Of a share that may be anything the mean is in the middle, where few brains lie.
    expected = np.median(known.shares(len(logit_of), seed), axis=0)
    doubt = np.bincount(class_of) * np.sqrt(expected * (1 - expected))
    for number, blocks in further:
        model = known
        if number:
            more = number * doubt / doubt.sum()
            model = model.seen(more, more * expected, 0.0)
        if blocks is not None:
            more = blocks.labels(class_of, len(logit_of))
            model = model.seen(more, more * expected, apart**2 / blocks.number)
        yield ScorePosterior(class_of, logit_of, model.shares(len(logit_of), seed))


def _apart(between_places: float) -> float:
    """How blocks anywhere in a brain differ, as a standard deviation of log odds."""
    return float(np.hypot(BLOCKS, between_places))


def _with_labels(
    model: LogOdds, class_of: np.ndarray, labels: Labels, apart: float, inside: bool = False
) -> LogOdds:
    """With what labels show; blocks that they lie in differ by `apart`."""
    if not len(labels):
        return model
    classes = int(class_of.max()) + 1
    return model.seen(*_observed(class_of, classes, labels), labels.offset(apart), inside)


def _classes(logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The class of each candidate, and the logit of each class that has candidates."""
    p_cell = np.clip(expit(np.asarray(logits, float)), SUREST, 1 - SUREST)
    order = np.argsort(p_cell, kind="stable")
    doubt = np.sqrt(p_cell * (1 - p_cell)) + LEAST_DOUBT
    reached = np.cumsum(doubt[order])
    class_of = np.empty(len(p_cell), int)
    # Equal scores are of one class: that of the first of them.
    first = np.searchsorted(p_cell[order], p_cell[order])
    class_of[order] = np.minimum(CLASSES * reached / reached[-1], CLASSES - 1).astype(int)[first]
    _, class_of = np.unique(class_of, return_inverse=True)
    return class_of, logit(np.bincount(class_of, p_cell) / np.bincount(class_of))


def _observed(class_of: np.ndarray, classes: int, labels: Labels) -> tuple[np.ndarray, np.ndarray]:
    """Labels and cells among them, (classes,) each, as their weights count."""
    of_label, weight = class_of[labels.rows], np.asarray(labels.weight, float)
    total, squares, cells = (
        np.bincount(of_label, value, minlength=classes)
        for value in (weight, weight**2, weight * labels.is_cell)
    )
    number = np.divide(total**2, squares, out=np.zeros(classes), where=squares > 0)
    return number, number * np.divide(cells, total, out=np.zeros(classes), where=total > 0)


def _prior(logit_of: np.ndarray, between: BetweenBrains) -> LogOdds:
    """The classes' log odds before there are labels."""
    classes = len(logit_of)
    design = np.stack([np.ones_like(logit_of), logit_of], axis=1)
    apart = (logit_of[:, None] - logit_of) / LASTING
    departure = DEPARTURE**2 * np.exp(-(apart**2) / 2)
    line = design @ between.covariance @ design.T
    return LogOdds(
        logit_of + design @ between.mean,
        line + departure + JITTER * np.eye(classes),
        np.zeros((0, classes)),
        np.zeros(0),
        np.zeros(0),
    )
