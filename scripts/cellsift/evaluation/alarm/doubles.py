"""Whether called cells lie so close together that the same cell is likely to be counted twice."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.spatial import KDTree

from cellsift.io.axes import AXES, Size

# Called cells nearer than this share of the distance to the neighbour of this rank lie at one
# place. Not a distance in µm: where nuclei are larger than those that detection was set for, the
# candidates within one lie farther apart. Chosen on the embryo's frames, see reports/alarm.md.
NEIGHBOUR, NEAR = 8, 0.5
# Of so many called cells, drawn by chance, the neighbours are looked at.
LOOKED_AT = 20_000


def cells_per_place(scored: Mapping[str, pd.DataFrame], voxel_size: Size) -> tuple[float, float]:
    """Return how many called cells lie at one place, as a logarithm, and its variance by chance.

    Each called cell stands for as many as lie within half the distance to its eighth neighbour,
    itself included, and the places are counted by that. Cells that lie apart as evenly as can be
    give about 0, and cells that are all called twice 0.7, a factor of 2. The mean of the arms.

    Args:
        scored: by arm, z, y, x (voxels) and is_cell of the candidates.
        voxel_size: µm, z, y, x.

    NaN where no arm calls more than eight cells.

    Example:
        >>> at = 10 * np.indices((4, 4, 4)).reshape(3, -1).T
        >>> once = pd.DataFrame(at, columns=AXES).assign(is_cell=True)
        >>> twice = pd.concat([once, once.assign(z=once["z"] + 1)])
        >>> [round(cells_per_place({"arm": table}, (1, 1, 1))[0], 1) for table in (once, twice)]
        [0.1, 0.7]
    """
    called = [table.loc[table["is_cell"].astype(bool), AXES] for table in scored.values()]
    found = [_of_positions(at.to_numpy(float) * voxel_size) for at in called if len(at) > NEIGHBOUR]
    if not found:
        return float("nan"), float("nan")
    # The arms judge the same candidates: their chance errors are no independent ones.
    value, variance = np.mean(found, axis=0)
    return float(value), float(variance)


def _of_positions(at: np.ndarray) -> tuple[float, float]:
    """Of cells at these positions (n, 3) in µm."""
    random = np.random.default_rng(0)
    chosen = np.sort(random.choice(len(at), min(len(at), LOOKED_AT), replace=False))
    distance = KDTree(at).query(at[chosen], NEIGHBOUR + 1)[0][:, 1:]
    # Of each cell, the share of a place that it is.
    share = 1 / (1 + (distance <= NEAR * distance[:, -1:]).sum(axis=1))
    mean = share.mean()
    # Cells at one place have the same neighbours: as many as there are places are independent.
    return -float(np.log(mean)), float(share.var() / (len(share) * mean) / mean**2)
