"""The threshold that suits one brain best, by what is known of the meaning of its scores."""

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.special import expit, logit

from cellsift.calibration.calibrate import Criterion
from cellsift.calibration.score_posterior import SUREST, Labels, ScorePosterior

# Cuts that are compared, and draws of the posterior that they are compared on.
CUTS, DRAWS = 400, 400
# The threshold in use is left where the gain to expect is so many of its standard deviations. See
# reports/carry_over.md.
CAUTION = 0.5


def brain_threshold(
    posterior: ScorePosterior,
    logits: np.ndarray,
    criterion: Criterion = "f1",
    in_use: float | None = None,
    labels: Sequence[Labels] = (),
) -> tuple[float, dict[str, float]]:
    """Return the logit from which candidates of a brain count as cells, and what to expect of it.

    Of `CUTS` places the one with the highest F1 on average over what the scores may mean, or with
    the fewest candidates whose recall reaches {"recall": share} on average. That is a decision by
    expected utility: where little is known of the brain, no extreme cut is worth its risk.

    With `in_use`, the logit that is the threshold until now, that of the highest F1 is left with
    caution: the cut is the one whose gain of F1 over it is highest after `CAUTION` times the gain's
    standard deviation is taken off, a lower bound of it. So what is right already is not moved by
    the chance of a few labels.

    `logits` (n,) are calibrated on the train brains. Candidates with `labels` count as what they
    are known to be, which matters where they are a good part of all. Expected are precision, recall
    (of the cells that have a candidate) and f1.
    """
    logits = np.asarray(logits, float)
    order = np.argsort(-logits, kind="stable")
    ordered = logits[order]
    taken = 0 if in_use is None else int(np.sum(ordered >= in_use))
    ends = _ends(len(ordered))
    if taken:
        ends = np.union1d(ends, taken)
    known = _known(len(logits), labels)[order]
    drawn = _drawn_measures(posterior, ordered, ends, known)
    precision, recall, f1 = (values.mean(axis=0) for values in drawn)
    if isinstance(criterion, Mapping):
        enough = np.flatnonzero(recall >= criterion["recall"])
        best = int(enough[0]) if len(enough) else len(ends) - 1
    elif in_use is None:
        best = int(np.argmax(f1))
    else:
        best = _with_caution(drawn[2], np.flatnonzero(ends == taken))
    expected = {
        "precision": float(precision[best]),
        "recall": float(recall[best]),
        "f1": float(f1[best]),
    }
    return float(ordered[ends[best] - 1]), expected


def expected_at(
    posterior: ScorePosterior,
    logits: np.ndarray,
    is_cell: np.ndarray,
    labels: Sequence[Labels] = (),
) -> dict[str, float | None]:
    """What to expect of a given choice (n,) of the candidates with these logits (n,).

    `labels` as for `brain_threshold`. Precision is None where none is called a cell.
    """
    logits, taken = np.asarray(logits, float), np.asarray(is_cell, bool)
    number = int(taken.sum())
    if not number:
        return {"precision": None, "recall": 0.0, "f1": 0.0}
    # Those taken come first, and the highest first among either.
    order = np.lexsort((-logits, ~taken))
    ends = np.union1d(_ends(len(order)), number)
    at = int(np.searchsorted(ends, number))
    drawn = _drawn_measures(posterior, logits[order], ends, _known(len(order), labels)[order])
    precision, recall, f1 = (values[:, at].mean() for values in drawn)
    return {"precision": float(precision), "recall": float(recall), "f1": float(f1)}


def _ends(number: int) -> np.ndarray:
    """So many of the first candidates, up to all of them, at `CUTS` places."""
    return np.unique(np.linspace(0, number, min(CUTS, number) + 1).astype(int)[1:])


def _known(number: int, labels: Sequence[Labels]) -> np.ndarray:
    """How much of a cell each candidate (n,) is, 0 to 1; NaN where there is no label of it."""
    known = np.full(number, np.nan)
    for of_draw in labels:
        known[of_draw.rows] = of_draw.is_cell
    return known


def _with_caution(f1: np.ndarray, in_use: np.ndarray) -> int:
    """The cut to take by draws of F1 (draws, cuts), where that in use is one of them, or none."""
    gain = f1 - f1[:, in_use] if len(in_use) else f1
    return int(np.argmax(gain.mean(axis=0) - CAUTION * gain.std(axis=0)))


def cells_above(
    posterior: ScorePosterior,
    logits: np.ndarray,
    order: np.ndarray,
    ends: np.ndarray,
    labels: Sequence[Labels] = (),
) -> np.ndarray:
    """Draws (draws, ends) of how many cells are among the first candidates of an order (n,).

    `ends` (ascending, the last of them n) say how many; candidates with `labels` count as what they
    are known to be.

    Example:
        >>> from cellsift.calibration.between_brains import between_brains
        >>> from cellsift.calibration.score_posterior import score_posterior
        >>> logits = np.repeat([3.0, -3.0], 500)
        >>> posterior = score_posterior(logits, [], between_brains([]), seed=1)
        >>> drawn = cells_above(posterior, logits, np.arange(1000), np.array([500, 1000]))
        >>> bool((drawn[:, 0] <= drawn[:, 1]).all())
        True
    """
    return _drawn(posterior, logits[order], ends, _known(len(order), labels)[order])


def _drawn_measures(
    posterior: ScorePosterior, ordered: np.ndarray, ends: np.ndarray, known: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draws of precision, recall and F1, (draws, ends) each, of taking the first of these logits.

    That is, up to each of the ends.
    """
    hits = _drawn(posterior, ordered, ends, known)
    cells = hits[:, -1:]
    return hits / ends, hits / cells, 2 * hits / (ends + cells)


def _drawn(
    posterior: ScorePosterior, ordered: np.ndarray, ends: np.ndarray, known: np.ndarray
) -> np.ndarray:
    """Draws (draws, ends) of the cells among the first of these logits, up to each of the ends."""
    every = max(len(posterior.shares) // DRAWS, 1)
    shares = np.clip(posterior.shares[::every], SUREST, 1 - SUREST)
    offsets = logit(shares) - posterior.logit_of
    # No candidate lies before an end of 0, where `reduceat` would take one.
    some = ends > 0
    starts = np.concatenate([[0], ends[some][:-1]])
    # Of all candidates between two ends the mean logit stands for each.
    middle = np.add.reduceat(ordered, starts) / (ends[some] - starts)
    open_yet = np.add.reduceat(np.isnan(known).astype(float), starts)
    labelled = np.add.reduceat(np.nan_to_num(known), starts)
    of_class = [np.interp(middle, posterior.logit_of, one) for one in np.eye(posterior.classes)]
    share = expit(middle + offsets @ np.stack(of_class))
    hits = np.zeros((len(share), len(ends)))
    hits[:, some] = np.cumsum(share * open_yet + labelled, axis=1)
    return hits
