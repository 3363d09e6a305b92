"""What a bootstrap draws anew: blocks of tissue, or single candidates, brains first."""

from collections.abc import Iterator

import numpy as np

RESAMPLES = 1000

# Errors that lie together are drawn together, in cubes of this side; of fewer cubes than this in a
# brain a bootstrap tells little.
BLOCK_UM = 100.0
FEWEST_BLOCKS = 20

# Units times resamples that are held in memory at once, and resamples at most.
HELD_AT_ONCE = 2_000_000
RESAMPLES_AT_ONCE = 100


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
