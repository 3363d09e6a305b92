"""Which part of a cell each labelled candidate has, where several lie at one cell."""

import numpy as np
from scipy.spatial import KDTree

from cellsift.io.axes import Size


def part_of_cell(
    candidates: np.ndarray,
    at_cell: np.ndarray,
    rows: np.ndarray,
    voxel_size: Size,
    distance_um: float,
) -> np.ndarray:
    """Return how much of a cell each of these candidates counts for: (m,), 0 to 1.

    A person who looks at one candidate says whether it lies at a cell, not whether another one lies
    at the same. Matching to an annotation gives the cell to one of them, and none to the others. So
    k candidates at cells within `distance_um` of one another count for a k-th each, and for one
    cell together.

    Args:
        candidates: (n, 3), z, y, x in voxels.
        at_cell: (n,) bool, what people said; of candidates that nobody has labelled, whether the
            arm calls them cells.
        rows: (m,) of the candidates that are asked for.
        voxel_size: µm, z, y, x.
        distance_um: the matching distance.

    Example:
        >>> places = np.array([[0, 0, 0], [0, 0, 3], [0, 0, 50.0]])
        >>> part_of_cell(places, np.ones(3, bool), np.arange(3), (1, 1, 1), 10).tolist()
        [0.5, 0.5, 1.0]
    """
    places = np.asarray(candidates, float) * np.asarray(voxel_size, float)
    rows, at_cell = np.asarray(rows, int), np.asarray(at_cell, bool)
    found = at_cell[rows].astype(float)
    some = np.flatnonzero(found)
    if len(some):
        # As matching does, whatever the rounding of the voxel size.
        reach = distance_um * (1 + 1e-9)
        near = KDTree(places[at_cell]).query_ball_point(places[rows[some]], reach)
        found[some] = [1 / len(group) for group in near]
    return found
