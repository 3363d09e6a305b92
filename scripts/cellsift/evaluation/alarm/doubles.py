"""Whether called cells lie so close together that the same cell is likely to be counted twice."""

from collections.abc import Mapping
from functools import cache

import numpy as np
import pandas as pd
from scipy.spatial import KDTree

from cellsift.io.axes import AXES, Size

# Of the volume that is as near to a called cell as its eighth neighbour, this share, the nearest,
# is its place: far from all borders, what lies within half the distance.
# Not a distance in µm: where nuclei are larger than those that detection was set for, the
# candidates within one lie farther apart. Chosen on the embryo's frames, see reports/alarm.md.
NEIGHBOUR, NEAR = 8, 1 / 8
# Of fewer called cells chance alone may put many close together.
FEWEST = 30
# Of so many called cells, drawn by chance, the neighbours are looked at, so many at a time.
LOOKED_AT, AT_A_TIME = 20_000, 1000


def cells_per_place(scored: Mapping[str, pd.DataFrame], voxel_size: Size) -> tuple[float, float]:
    """Return how many called cells lie at one place, as a logarithm, and its variance by chance.

    Each called cell stands for as many as lie much nearer to it than its eighth neighbour, itself
    included, and the places are counted by that. Cells that lie apart as evenly as can be give
    about 0, cells that lie anywhere 0.42, and cells that are all called twice 0.3 to 0.7 more, a
    factor of up to 2. How thick the volume is does not matter: near is a share of what of the
    volume lies around a cell, in a thin section as in a thick one. The mean of the arms.

    Args:
        scored: by arm, z, y, x (voxels) and is_cell of the candidates.
        voxel_size: µm, z, y, x.

    NaN where no arm calls as many as `FEWEST` cells.

    Example:
        >>> at = 10 * np.indices((4, 4, 4)).reshape(3, -1).T
        >>> once = pd.DataFrame(at, columns=AXES).assign(is_cell=True)
        >>> twice = pd.concat([once, once.assign(z=once["z"] + 1)])
        >>> [round(cells_per_place({"arm": table}, (1, 1, 1))[0], 1) for table in (once, twice)]
        [0.0, 0.7]
    """
    called = [table.loc[table["is_cell"].astype(bool), AXES] for table in scored.values()]
    size = np.asarray(voxel_size, float)
    found = [_of_positions(at.to_numpy(float) * size, size) for at in called if len(at) >= FEWEST]
    if not found:
        return float("nan"), float("nan")
    # The arms judge the same candidates: their chance errors are no independent ones.
    value, variance = np.mean(found, axis=0)
    return float(value), float(variance)


def _of_positions(at: np.ndarray, voxel_size: np.ndarray) -> tuple[float, float]:
    """Of cells at these positions (n, 3) in µm, each within half a voxel."""
    random = np.random.default_rng(0)
    chosen = np.sort(random.choice(len(at), min(len(at), LOOKED_AT), replace=False))
    distance = KDTree(at).query(at[chosen], NEIGHBOUR + 1)[0][:, 1:]
    box = at.min(axis=0) - voxel_size / 2, at.max(axis=0) + voxel_size / 2
    near = np.concatenate(
        [
            _near(at[some], distance[first : first + AT_A_TIME, -1], box)
            for first in range(0, len(chosen), AT_A_TIME)
            for some in [chosen[first : first + AT_A_TIME]]
        ]
    )
    # Of each cell, the share of a place that it is.
    share = 1 / (1 + (distance <= near[:, np.newaxis]).sum(axis=1))
    mean = share.mean()
    # Cells at one place have the same neighbours: as many as there are places are independent.
    return -float(np.log(mean)), float(share.var() / (len(share) * mean) / mean**2)


def _near(at: np.ndarray, reach: np.ndarray, box: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """How near `NEAR` of the box's volume within reach of each position lies, in µm."""
    reach = reach[:, np.newaxis]
    low, high = np.maximum(at - reach, box[0]), np.minimum(at + reach, box[1])
    places = low[:, np.newaxis] + (high - low)[:, np.newaxis] * _evenly_spread()
    away = np.linalg.norm(places - at[:, np.newaxis], axis=2)
    within = (away <= reach).sum(axis=1)
    return np.sort(away, axis=1)[np.arange(len(at)), np.round(NEAR * within).astype(int)]


@cache
def _evenly_spread() -> np.ndarray:
    """Places (512, 3) in a cube of side 1."""
    # Steps by the powers of this number leave no holes, nor planes that they all lie in.
    steps = 1.2207440846057596 ** -np.arange(1.0, 4.0)
    return (0.5 + np.outer(np.arange(512), steps)) % 1
