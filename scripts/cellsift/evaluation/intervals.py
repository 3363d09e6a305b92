"""Intervals that say how far a measured share, area or score may lie from the true one."""

import math

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, logit
from scipy.stats import binom, binomtest, norm, rankdata

from cellsift.evaluation.confidence import CONFIDENCE

UNKNOWN = (math.nan, math.nan)


def wilson(successes: int, trials: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Wilson's score interval of a share; (nan, nan) where there was no trial."""
    if trials == 0:
        return UNKNOWN
    interval = binomtest(int(successes), int(trials)).proportion_ci(confidence, method="wilson")
    return float(interval.low), float(interval.high)


def wilson_f1(
    true_positives: int, errors: int, confidence: float = CONFIDENCE
) -> tuple[float, float]:
    """Wilson's interval of F1, from the share of true positives among hits, false and missed.

    F1 = 2 J / (1 + J) rises with that share J, so the bounds of J give those of F1.
    `errors` counts false positives and false negatives together.
    """
    low, high = wilson(true_positives, true_positives + errors, confidence)
    return 2 * low / (1 + low), 2 * high / (1 + high)


def delong(is_cell: np.ndarray, scores: np.ndarray) -> tuple[float, float, float]:
    """The area under the ROC curve and its 95% interval by DeLong's variance.

    The variance comes from midranks (Sun and Xu 2014); the interval is symmetric in the area's
    logit, which keeps it within 0..1. Where DeLong's variance is zero or undefined (classes
    perfectly apart, or one member only) the interval is Newcombe's (2006, method 5).
    All three are nan where one class is absent.
    """
    above, below = placements(is_cell, scores)
    if not len(above) or not len(below):
        return math.nan, math.nan, math.nan
    area = float(above.mean())
    if min(len(above), len(below)) > 1:
        variance = above.var(ddof=1) / len(above) + below.var(ddof=1) / len(below)
        if variance > 0 and 0 < area < 1:
            reach = norm.ppf((1 + CONFIDENCE) / 2) * math.sqrt(variance) / (area * (1 - area))
            return area, float(expit(logit(area) - reach)), float(expit(logit(area) + reach))
    return area, *_newcombe(area, len(above), len(below))


def placements(is_cell: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of each cell the share of the others that lie below it, of each other that of cells above it.

    Equal scores count half. The mean of either is the area under the ROC curve; their spread is
    what DeLong's variance is made of. Midranks (Sun and Xu 2014) give both by sorting. Where the
    other class is absent they are nan.

    Example:
        >>> placements(np.array([True, False, False]), np.array([2.0, 1.0, 2.0]))
        (array([0.75]), array([1. , 0.5]))
    """
    is_cell = np.asarray(is_cell, bool)
    cells, others = np.asarray(scores)[is_cell], np.asarray(scores)[~is_cell]
    ranks = rankdata(np.concatenate([cells, others]))
    with np.errstate(invalid="ignore"):
        above = (ranks[: len(cells)] - rankdata(cells)) / np.float64(len(others))
        below = 1 - (ranks[len(cells) :] - rankdata(others)) / np.float64(len(cells))
    return above, below


def _newcombe(area: float, cells: int, others: int) -> tuple[float, float]:
    """Bounds at which Hanley and McNeil's variance just allows the area that was seen."""
    reach = norm.ppf((1 + CONFIDENCE) / 2)
    typical = (cells + others) / 2 - 1

    def excess(theta: float) -> float:
        spread = 1 + typical * ((1 - theta) / (2 - theta) + theta / (1 + theta))
        return (area - theta) ** 2 - reach**2 * theta * (1 - theta) * spread / (cells * others)

    # `excess` is negative or zero at the area and not negative at 0 and 1.
    low = brentq(excess, 0, area - 1e-9) if excess(max(area - 1e-9, 0)) < 0 else area
    high = brentq(excess, area + 1e-9, 1) if excess(min(area + 1e-9, 1)) < 0 else area
    return float(low), float(high)


def false_positive_rate_bounds(
    is_cell: np.ndarray, scores: np.ndarray, recall: float
) -> tuple[float, float]:
    """95% bounds of the false-positive rate at the threshold whose true recall is `recall`.

    That threshold lies between two of the observed cells' scores, which the binomial
    distribution tells (the interval of a quantile by order statistics); the bounds are Wilson's at
    these two, so they are rather too wide. At recall 0.99 fewer than 368 cells do not bound that
    threshold from below, and the upper bound is 1. A bootstrap is blind to this.
    """
    is_cell, scores = np.asarray(is_cell, bool), np.asarray(scores, float)
    cells, others = np.sort(scores[is_cell]), scores[~is_cell]
    if not len(cells) or not len(others):
        return UNKNOWN
    tail = (1 - CONFIDENCE) / 2
    lowest, highest = binom.ppf([tail, 1 - tail], len(cells), 1 - recall).astype(int)
    low = wilson((others >= cells[highest]).sum(), len(others))[0] if highest < len(cells) else 0.0
    high = wilson((others >= cells[lowest - 1]).sum(), len(others))[1] if lowest else 1.0
    return low, high


def percentile_interval(value: float, replicates: np.ndarray) -> tuple[float, float]:
    """The middle 95% of bootstrap replicates, widened where needed to hold the value itself.

    Replicates that are nan (a class was not drawn) are left out; (nan, nan) where the value
    is nan or no replicate is left.
    """
    replicates = np.asarray(replicates, float)
    replicates = replicates[~np.isnan(replicates)]
    if math.isnan(value) or not len(replicates):
        return UNKNOWN
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(replicates, [tail, 1 - tail])
    return min(float(low), value), max(float(high), value)
