"""What the scores of one brain mean, by the train brains and by labels of the brain itself.

The log odds of a cell are a straight line of the logit, whose offset and slope differ between
brains (`between_brains`), and a smooth departure from it: a Gaussian process with binomial
observations (Rasmussen and Williams 2006, chapter 3) on classes of score. Labels that were drawn
with unequal probabilities count by their weights, as so many as have the same variance (Kish 1965).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import block_diag
from scipy.optimize import isotonic_regression
from scipy.special import expit, logit

from cellsift.calibration.between_brains import BetweenBrains

# Classes of score, with an equal share of what is unsure in each.
CLASSES = 14
# The departure from the line: its standard deviation, and over which difference of logits it lasts.
DEPARTURE, LASTING = 0.4, 1.5
# How places of a brain differ in the log odds of a cell at equal score, as a standard deviation.
PLACES = 0.5
# Candidates that are as good as sure count a little for the division into classes.
LEAST_DOUBT = 0.02
DRAWS = 4000
# Proposals have tails of a t distribution, so that skewed posteriors are within their reach.
FREEDOM = 6.0
# Scores are no surer than that.
SUREST = 1e-6
JITTER = 1e-4
STEPS, STEP, TINY = 100, 2.0, 1e-9


@dataclass(frozen=True, eq=False)
class Labels:
    """Candidates of a brain that were drawn and labelled.

    rows (n,) of its candidates; is_cell (n,): whether each is a cell, or the part of one that it
    counts for, where several lie at the same; weight (n,): one over the probability with which each
    was drawn, or in proportion to it; clusters: how many places they lie in, if all candidates of
    some places were labelled and not single ones.
    """

    rows: np.ndarray
    is_cell: np.ndarray
    weight: np.ndarray
    clusters: int | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def without(self, rows: np.ndarray) -> "Labels":
        """But for these candidates."""
        kept = ~np.isin(self.rows, rows)
        return replace(
            self, rows=self.rows[kept], is_cell=self.is_cell[kept], weight=self.weight[kept]
        )


@dataclass(frozen=True, eq=False)
class PlacesToCome:
    """Candidates that would be labelled if the place that each lies in were drawn.

    rows (n,) of a brain's candidates; probability (n,) with which the place of each is drawn;
    clusters: how many places are.
    """

    rows: np.ndarray
    probability: np.ndarray
    clusters: int

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

    inside (n,): which of its candidates lie there; spread: the standard deviation of the
    difference.
    """

    inside: np.ndarray
    spread: float

    def parts_of(self, labels: Labels) -> Iterator[tuple[Labels, bool]]:
        """The labels that lie there, and the others, each with whether they do."""
        within = self.inside[labels.rows]
        for inside in (True, False):
            part = labels.without(labels.rows[within != inside])
            if labels.clusters is not None and len(part):
                own = max(1, round(labels.clusters * len(part) / len(labels)))
                part = replace(part, clusters=own)
            yield part, inside


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

    def somewhere(self, spread: float, random: np.random.Generator) -> np.ndarray:
        """Draws (draws, classes) of the shares in a place of the brain of which nothing is known.

        Its log odds differ from the brain's with this standard deviation.
        """
        log_odds = logit(np.clip(self.shares, SUREST, 1 - SUREST))
        return expit(log_odds + random.normal(0, spread, (len(log_odds), 1)))

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
    place: Place | None = None,
) -> ScorePosterior:
    """The shares of cells by score, given calibrated logits (n,) of all candidates of a brain.

    `labels` are of one or several draws. Those of whole places have an offset of their own, as
    places differ (`PLACES`). Sampled by importance around the mode. Without labels it is what the
    train brains say alone.

    The shares are those in a `place` of the brain, if one is given. Of what differs there only
    labels within tell; those of elsewhere tell of the brain.
    """
    class_of, logit_of = _classes(logits)
    model = _known(class_of, logit_of, labels, between, place)
    return ScorePosterior(class_of, logit_of, model.shares(len(logit_of), seed, place is not None))


def posteriors_to_come(
    logits: np.ndarray,
    labels: Sequence[Labels],
    between: BetweenBrains,
    seed: int,
    further: Iterable[tuple[int, PlacesToCome | None]],
) -> Iterator[ScorePosterior]:
    """Yield for each of `further` what to expect of `score_posterior` with so much more.

    That is, with so many more labels, drawn where doubt is, and with those of whole places, if they
    turn out as what is known until now says.
    """
    class_of, logit_of = _classes(logits)
    known = _known(class_of, logit_of, labels, between)
    # Of a share that may be anything the mean is in the middle, where few brains lie.
    expected = np.median(known.shares(len(logit_of), seed), axis=0)
    doubt = np.bincount(class_of) * np.sqrt(expected * (1 - expected))
    for number, places in further:
        model = known
        if number:
            more = number * doubt / doubt.sum()
            model = model.seen(more, more * expected, None)
        if places is not None:
            more = places.labels(class_of, len(logit_of))
            model = model.seen(more, more * expected, places.clusters)
        yield ScorePosterior(class_of, logit_of, model.shares(len(logit_of), seed))


def _known(
    class_of: np.ndarray,
    logit_of: np.ndarray,
    labels: Sequence[Labels],
    between: BetweenBrains,
    place: Place | None = None,
) -> "_Model":
    """The classes' log odds by the train brains and by labels; a place's offset follows them."""
    model = _prior(logit_of, between)
    if place is not None:
        model = model.with_unknown(place.spread**2)
    for of_draw in labels:
        parts = [(of_draw, False)] if place is None else place.parts_of(of_draw)
        for part, inside in parts:
            if len(part):
                seen = _observed(class_of, len(logit_of), part)
                model = model.seen(*seen, part.clusters, inside)
    return model


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


def _prior(logit_of: np.ndarray, between: BetweenBrains) -> "_Model":
    """The classes' log odds before there are labels."""
    classes = len(logit_of)
    design = np.stack([np.ones_like(logit_of), logit_of], axis=1)
    apart = (logit_of[:, None] - logit_of) / LASTING
    departure = DEPARTURE**2 * np.exp(-(apart**2) / 2)
    line = design @ between.covariance @ design.T
    return _Model(
        logit_of + design @ between.mean,
        line + departure + JITTER * np.eye(classes),
        np.zeros((0, classes)),
        np.zeros(0),
        np.zeros(0),
    )


@dataclass(frozen=True, eq=False)
class _Model:
    """Normal unknowns u (k,) with mean and covariance; of `number` (m,) labels `cells` (m,) are.

    The log odds of each of the m are design (m, k) @ u. The first of u are those of the classes; if
    a place of the brain is asked for, its offset follows.
    """

    mean: np.ndarray
    covariance: np.ndarray
    design: np.ndarray
    number: np.ndarray
    cells: np.ndarray

    def with_unknown(self, variance: float) -> "_Model":
        """With one more of them, around 0, that nothing has been seen of."""
        return replace(
            self,
            mean=np.append(self.mean, 0.0),
            covariance=block_diag(self.covariance, variance),
            design=np.pad(self.design, ((0, 0), (0, 1))),
        )

    def seen(
        self, number: np.ndarray, cells: np.ndarray, clusters: int | None, inside: bool = False
    ) -> "_Model":
        """With labels by class, (classes,) each, and an unknown offset if they are of places.

        inside: they lie in the place whose offset follows the classes.
        """
        model = self if clusters is None else self.with_unknown(PLACES**2 / clusters)
        own = np.eye(len(number), len(model.mean))
        if inside:
            own[:, len(number)] = 1.0
        if clusters is not None:
            own[:, -1] = 1.0
        return replace(
            model,
            design=np.concatenate([model.design, own]),
            number=np.concatenate([model.number, number]),
            cells=np.concatenate([model.cells, cells]),
        )

    def shares(self, classes: int, seed: int | Sequence[int], of_place: bool = False) -> np.ndarray:
        """Draws (DRAWS, classes) of the share of cells in each class, of the place if asked for."""
        found = self.sample(seed)
        offset = found[:, classes, None] if of_place else 0.0
        return expit(found[:, :classes] + offset)

    def sample(self, seed: int | Sequence[int]) -> np.ndarray:
        """Draws (DRAWS, k) of the unknowns, by importance around the mode."""
        random = np.random.default_rng(seed)
        precision = np.linalg.inv(self.covariance)
        mode, spread = self._mode(precision)
        normal = random.standard_normal((DRAWS, len(mode)))
        scale = random.chisquare(FREEDOM, DRAWS) / FREEDOM
        found = mode + normal @ np.linalg.cholesky(spread).T / np.sqrt(scale)[:, None]
        away, log_odds = found - self.mean, found @ self.design.T
        posterior = (self.cells * log_odds - self.number * np.logaddexp(0, log_odds)).sum(axis=1)
        posterior -= ((away @ precision) * away).sum(axis=1) / 2
        distance = (normal**2).sum(axis=1) / scale / FREEDOM
        weight = posterior + (FREEDOM + len(mode)) / 2 * np.log1p(distance)
        weight = np.exp(weight - weight.max())
        # Systematically, which adds the least chance.
        places = (random.random() + np.arange(DRAWS)) / DRAWS
        reached = np.cumsum(weight) / weight.sum()
        return found[np.minimum(np.searchsorted(reached, places), DRAWS - 1)]

    def _mode(self, precision: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The likeliest unknowns, by Newton's method, and the inverse of the curvature there."""
        found = self.mean.copy()
        for _ in range(STEPS):
            share, curvature = self._curvature(found, precision)
            slope = self.design.T @ (self.cells - self.number * share)
            slope -= precision @ (found - self.mean)
            step = np.clip(np.linalg.solve(curvature, slope), -STEP, STEP)
            found = found + step
            if np.abs(step).max() < TINY:
                break
        return found, np.linalg.inv(self._curvature(found, precision)[1])

    def _curvature(self, found: np.ndarray, precision: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        share = expit(self.design @ found)
        information = self.number * share * (1 - share)
        return share, precision + (self.design.T * information) @ self.design
