"""Intervals that say how far a measured share, area or score may lie from the true one."""

import math
from collections.abc import Iterator

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, logit
from scipy.stats import binomtest, norm, rankdata

CONFIDENCE = 0.95
RESAMPLES = 1000
UNKNOWN = (math.nan, math.nan)

# Candidates times resamples that are held in memory at once.
HELD_AT_ONCE = 2_000_000


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
    is_cell = np.asarray(is_cell, bool)
    cells, others = np.asarray(scores)[is_cell], np.asarray(scores)[~is_cell]
    if not len(cells) or not len(others):
        return math.nan, math.nan, math.nan
    ranks = rankdata(np.concatenate([cells, others]))
    above = (ranks[: len(cells)] - rankdata(cells)) / len(others)
    below = 1 - (ranks[len(cells) :] - rankdata(others)) / len(cells)
    area = float(above.mean())
    if min(len(cells), len(others)) > 1:
        variance = above.var(ddof=1) / len(cells) + below.var(ddof=1) / len(others)
        if variance > 0 and 0 < area < 1:
            reach = norm.ppf((1 + CONFIDENCE) / 2) * math.sqrt(variance) / (area * (1 - area))
            return area, float(expit(logit(area) - reach)), float(expit(logit(area) + reach))
    return area, *_newcombe(area, len(cells), len(others))


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


def resampled_weights(
    strata: np.ndarray, clusters: np.ndarray | None, resamples: int, seed: int
) -> Iterator[np.ndarray]:
    """Yield, in portions, how often each row is drawn in each resample: int (portion, n).

    Rows are drawn with replacement within each stratum (n labels), whose size is kept. With
    `clusters` (n labels, two or more distinct) the clusters are drawn with replacement first and
    rows within each stratum of each drawn cluster after: the two-stage bootstrap of Davison and
    Hinkley (1997, section 3.8). The same rows, seed and number give the same draws.
    """
    generator = np.random.default_rng(seed)
    _, strata = np.unique(np.asarray(strata), return_inverse=True)
    if clusters is None:
        clusters = np.zeros(len(strata), int)
    else:
        _, clusters = np.unique(np.asarray(clusters), return_inverse=True)
    if not len(strata):
        yield np.zeros((resamples, 0), np.int32)
        return
    count = int(clusters.max()) + 1
    parts = [
        (cluster, np.flatnonzero((clusters == cluster) & (strata == stratum)))
        for cluster in range(count)
        for stratum in np.unique(strata[clusters == cluster])
    ]
    portion = max(1, HELD_AT_ONCE // len(strata))
    for start in range(0, resamples, portion):
        size = min(portion, resamples - start)
        weights = np.zeros((size, len(strata)), np.int32)
        drawn = generator.integers(0, count, (size, count))
        times = np.stack([(drawn == cluster).sum(1) for cluster in range(count)], 1)
        for cluster, rows in parts:
            weights[:, rows] = _drawn_within(generator, times[:, cluster], len(rows))
        yield weights


def _drawn_within(generator: np.random.Generator, times: np.ndarray, rows: int) -> np.ndarray:
    """How often each of `rows` rows is drawn when rows x times draws are made: (resample, row)."""
    resample = np.repeat(np.arange(len(times)), times * rows)
    drawn = generator.integers(0, rows, len(resample))
    return np.bincount(resample * rows + drawn, minlength=len(times) * rows).reshape(-1, rows)


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
