"""Positions that an annotation holds twice, or as cells and as artefacts alike."""

import numpy as np
import pandas as pd

from cellsift.errors import InputError
from cellsift.io.axes import AXES

# Two positions of one kind are taken for one cell where they are nearer than this along every axis,
# in voxels, and in space, µm: well within a nucleus.
SAME_VOXELS, SAME_UM = 1.5, 4.0
# Such pairs are told of from this many, and this share of all cells, on: some cells do touch.
FEWEST_PAIRS, LEAST_SHARE = 3, 0.02
# Artefacts that are cells as well: from this share of the smaller list on the lists are the same.
SAME_LISTS = 0.5


def repeated(path: str, points: pd.DataFrame, repeats: int, voxel_size: tuple) -> list[str]:
    """What to say of positions z, y, x (voxels) of which `repeats` more rows were the same."""
    doubts = []
    if repeats:
        doubts.append(
            f"{path}: {_rows(repeats)} a position that is there already; each counts once, as "
            f"{len(points)} in all. Was a file appended to itself, or exported twice?"
        )
    near = int((_nearest(points, points, voxel_size, 2) < 1).sum())
    if near >= 2 * max(FEWEST_PAIRS, LEAST_SHARE * len(points)):
        doubts.append(
            f"{path}: {near} of {len(points)} positions lie less than {SAME_VOXELS:g} voxels and "
            f"{SAME_UM:g} µm from another one, as if the same cells were listed twice (overlapping "
            "tiles, or two people's lists); each counts as a cell, and one of two as missed. Merge "
            "them."
        )
    return doubts


def in_next_planes(path: str, points: pd.DataFrame, voxel_size: tuple) -> list[str]:
    """What to say of marks z, y, x (voxels) that lie above one another in neighbouring planes."""
    if len(points) < 2:
        return []
    from scipy.spatial import KDTree

    places = points[AXES].to_numpy(float) * [1, voxel_size[1] / SAME_UM, voxel_size[2] / SAME_UM]
    pairs = KDTree(places).query_pairs(1 + 1e-9, p=np.inf, output_type="ndarray")
    above = pairs[np.abs(places[pairs[:, 0], 0] - places[pairs[:, 1], 0]) > 0.5]
    count = len(np.unique(above))
    if count < 2 * max(FEWEST_PAIRS, LEAST_SHARE * len(points)):
        return []
    return [
        f"{path}: {count} of {len(points)} cells are marked within {SAME_UM:g} µm of a mark in the "
        "next plane, as if the same cell was marked in several planes; each counts as a cell, and "
        "one of two as missed. Mark each once, in the plane in which it is clearest."
    ]


def refuse_same(paths: tuple[str, str], cells: pd.DataFrame, non_cells: pd.DataFrame, voxel_size):
    """Refuse lists of cells and of artefacts that are the same; tell of positions in both.

    `paths` are those of the two. Returns sentences. Raises InputError.
    """
    both = int((_nearest(non_cells, cells, voxel_size, 1) < 1).sum())
    if not both:
        return []
    found = (
        f"{paths[1]}: {both} of {len(non_cells)} positions are also among the {len(cells)} of "
        f"cells, {paths[0]}"
    )
    if both >= SAME_LISTS * min(len(cells), len(non_cells)):
        raise InputError(
            f"{found}. What is a cell is no artefact: give as non_cells the positions that people "
            "marked as artefacts, or leave it empty if all cells of the brain are annotated."
        )
    return [f"{found}; a candidate there is not used. Remove them from one of the two."]


def _rows(count: int) -> str:
    return "1 row repeats" if count == 1 else f"{count} rows repeat"


def _nearest(
    points: pd.DataFrame, others: pd.DataFrame, voxel_size: tuple, number: int
) -> np.ndarray:
    """How far each point is from the nearest of `others`, or the second: below 1 it is the same.

    Infinite where there is none.
    """
    if not len(points) or len(others) < number:
        return np.full(len(points), np.inf)
    # Of use to annotated brains alone, and long to load.
    from scipy.spatial import KDTree

    length = np.minimum(SAME_VOXELS, SAME_UM / np.asarray(voxel_size, dtype=float))
    tree = KDTree(others[AXES].to_numpy(float) / length)
    return tree.query(points[AXES].to_numpy(float) / length, k=[number], p=np.inf)[0][:, 0]
