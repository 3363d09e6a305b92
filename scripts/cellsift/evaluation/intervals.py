"""Intervals that say how far a measured share, area or score may lie from the true one."""

import math
from collections.abc import Iterator

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, logit
from scipy.stats import binom, binomtest, norm, rankdata

CONFIDENCE = 0.95
RESAMPLES = 1000
UNKNOWN = (math.nan, math.nan)

# Errors that lie together are drawn together, in cubes of this side; of fewer cubes than this in a
# brain a bootstrap tells little.
BLOCK_UM = 100.0
FEWEST_BLOCKS = 20

# Units times resamples that are held in memory at once, and resamples at most.
HELD_AT_ONCE = 2_000_000
RESAMPLES_AT_ONCE = 100


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


def blocks_of(positions: np.ndarray, block_um: float = BLOCK_UM) -> np.ndarray:
    """Number (n,) of the cube of side `block_um` that each position (n, 3) in µm lies in."""
    cubes = np.floor(np.asarray(positions, float).reshape(-1, 3) / block_um).astype(np.int64)
    if not len(cubes):
        return np.zeros(0, np.int64)
    z, y, x = (cubes - cubes.min(axis=0)).T
    return np.unique((z * (y.max() + 1) + y) * (x.max() + 1) + x, return_inverse=True)[1]


def drawn_units(
    rows: int, clusters: np.ndarray | None = None, blocks: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """What a bootstrap draws as a whole: the unit of each row, and the cluster of each unit.

    A unit is a block (`blocks_of`) where the rows of its cluster lie in at least 20 of them, as
    candidates and cells that lie together err together; else it is a single row. `clusters` are
    the brains of the rows; without them all rows are of one. Units are numbered from 0.
    """
    names = np.zeros(rows, int) if clusters is None else np.asarray(clusters)
    unit = np.zeros(rows, np.int64)
    cluster_of_unit: list[object] = []
    for name in np.unique(names):
        members = np.flatnonzero(names == name)
        within = np.arange(len(members))
        if blocks is not None:
            found, number = np.unique(np.asarray(blocks)[members], return_inverse=True)
            within = number if len(found) >= FEWEST_BLOCKS else within
        unit[members] = within + len(cluster_of_unit)
        cluster_of_unit += [name] * (int(within.max()) + 1)
    return unit, np.asarray(cluster_of_unit)


def resampled_weights(
    units: int, clusters: np.ndarray | None, resamples: int, seed: int
) -> Iterator[np.ndarray]:
    """Yield, in portions, how often each unit is drawn in each resample: int (portion, units).

    Units (candidates, or blocks of them) are drawn with replacement, whatever they hold: how many
    cells a brain holds is chance as well, and F1 and average precision depend on it. With
    `clusters` (a label per unit) the clusters are drawn with replacement first and units within
    each drawn cluster after: the two-stage bootstrap of Davison and Hinkley (1997, section 3.8).
    The same number of units, clusters, resamples and seed give the same draws.
    """
    if not units:
        yield np.zeros((resamples, 0), np.int32)
        return
    generator = np.random.default_rng(seed)
    labels = np.zeros(units) if clusters is None else np.asarray(clusters)
    members = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    portion = min(RESAMPLES_AT_ONCE, max(1, HELD_AT_ONCE // units))
    for start in range(0, resamples, portion):
        size = min(portion, resamples - start)
        weights = np.zeros((size, units), np.int32)
        drawn = generator.integers(0, len(members), (size, len(members)))
        for cluster, of_cluster in enumerate(members):
            times = (drawn == cluster).sum(axis=1)
            weights[:, of_cluster] = _drawn_within(generator, times, len(of_cluster))
        yield weights


def _drawn_within(generator: np.random.Generator, times: np.ndarray, units: int) -> np.ndarray:
    """How often each of `units` is drawn when units x times draws are made: (resample, unit)."""
    # One resample after the other: their counts stay in the processor's cache.
    return np.stack(
        [
            np.bincount(generator.integers(0, units, units * count), minlength=units)
            for count in times
        ]
    )


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
