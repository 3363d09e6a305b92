"""Where things lie: positions drawn from a density, with room between them."""

import numpy as np
from scipy.spatial import cKDTree

from cellsift.phantom.grid import Grid


def draw_positions(
    rng: np.random.Generator,
    grid: Grid,
    density: np.ndarray,
    count: int,
    apart_um: float,
    taken: np.ndarray | None = None,
    clearance_um: float = 0.0,
    margin_um: float = 0.0,
) -> np.ndarray:
    """Up to `count` positions (n, 3) in µm, drawn by `density` and at least `apart_um` apart.

    None lies within `clearance_um` of the positions `taken` or `margin_um` of the grid's border.
    Fewer are returned where the room does not suffice.
    """
    if count <= 0:
        return np.zeros((0, 3))
    drawn = _by_density(rng, grid, density, 6 * count + 50)
    inside = ((drawn >= margin_um) & (drawn <= grid.extent - margin_um)).all(1)
    drawn = drawn[inside]
    if taken is not None and len(taken) and len(drawn):
        drawn = drawn[cKDTree(taken).query(drawn)[0] >= clearance_um]
    return _thin(drawn, apart_um)[:count]


def _by_density(
    rng: np.random.Generator, grid: Grid, density: np.ndarray, count: int
) -> np.ndarray:
    cumulative = np.cumsum(density, dtype=np.float64, axis=None)
    voxels = np.searchsorted(cumulative, rng.random(count) * cumulative[-1], side="right")
    index = np.stack(np.unravel_index(np.minimum(voxels, density.size - 1), grid.shape), axis=1)
    return (index + rng.uniform(-0.5, 0.5, index.shape)) * grid.voxel_size


def _thin(positions: np.ndarray, apart_um: float) -> np.ndarray:
    """Leave out every position that is too near to an earlier one."""
    if not len(positions):
        return positions
    dropped = np.zeros(len(positions), bool)
    for first, second in sorted(cKDTree(positions).query_pairs(apart_um)):
        if not dropped[first]:
            dropped[second] = True
    return positions[~dropped]
