"""How a brain's candidates look: how densely they lie, and what a person would look at in them."""

import numpy as np
import pandas as pd
from scipy.spatial import KDTree

from cellsift.appearance.features import measure_cuboids
from cellsift.cuboids.store import CuboidStore
from cellsift.io.axes import Shape, Size

# Candidates whose cuboids are looked at, and of which the neighbours are.
LOOKED_AT, DENSITY_AT = 500, 20_000
# The density around a candidate is that of a ball to its neighbour of this rank.
NEIGHBOUR = 8


def candidates_per_mm3(positions: np.ndarray, voxel_size: Size, shape: Shape) -> float:
    """The median density around a candidate, which does not depend on how much is empty.

    `positions` (n, 3) are z, y, x in voxels of a volume of this shape. With 8 candidates or fewer
    it is that of the whole volume; none count as half of one.
    """
    places = np.asarray(positions, float).reshape(-1, 3) * voxel_size
    if len(places) <= NEIGHBOUR:
        return max(len(places), 0.5) / float(np.prod(np.asarray(shape) * voxel_size) / 1e9)
    chosen = _some(len(places), DENSITY_AT)
    distance = KDTree(places).query(places[chosen], NEIGHBOUR + 1)[0][:, -1]
    radius = max(float(np.median(distance)), 1e-3) / 1000
    return NEIGHBOUR / (4 / 3 * np.pi * radius**3)


def features_of(store: CuboidStore) -> pd.DataFrame:
    """The features (`measure_cuboids`) of a random sample of at most 500 candidates."""
    return measure_cuboids(store.read(_some(len(store), LOOKED_AT)), store.voxel_size)


def _some(count: int, most: int) -> np.ndarray:
    """At most `most` of the numbers below `count`, ascending, the same at every call."""
    random = np.random.default_rng(0)
    return np.sort(random.choice(count, min(count, most), replace=False))
