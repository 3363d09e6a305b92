"""Several annotators' marks made one: which of them are of the same cell, and who agrees on it."""

from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import Literal

import numpy as np
import pandas as pd

from cellsift.annotation.marks import Marks
from cellsift.annotation.names import BETWEEN_NAMES
from cellsift.io.axes import AXES
from cellsift.io.label_names import UNSURE
from cellsift.io.names import CELL, NO_CELL

# Marked by some of those who have looked there, but not by enough of them.
DISPUTED = "disputed"
COLUMNS = [*AXES, "kind", "annotators"]


def merge_points(points: Sequence[np.ndarray], distance_um: float) -> np.ndarray:
    """Tell which points of n annotators, each (m, 3) in µm, are of the same cell.

    Returns indices (k, n): row i lists the point that each annotator has of cell i, -1 for none.
    Two annotators' points are matched one to one as `labels.matching.match` does: as many pairs
    within the distance as can be, and of those the nearest. For more than two each pair of
    annotators is matched so, and points are joined along these pairs, the nearest first, as long as
    every two points of a cell lie within the distance and are of different annotators (complete
    linkage). No annotator comes first: another order gives the same cells. Rows are in the order
    of the first annotator's points, then those that only the others have.

    Example:
        >>> merge_points([np.zeros((1, 3)), np.array([[0, 0, 4], [0, 0, 90]])], 10).tolist()
        [[0, 0], [-1, 1]]
    """
    points = [np.asarray(given, dtype=float).reshape(-1, 3) for given in points]
    if len(points) == 1:
        return np.arange(len(points[0]))[:, None]
    starts = np.cumsum([0, *map(len, points)])
    owner = np.repeat(np.arange(len(points)), list(map(len, points)))
    places = np.concatenate([np.empty((0, 3)), *points])
    cells = [[number] for number in range(len(places))]
    for one, other in _pairs(points, starts, places, distance_um):
        first, second = cells[one], cells[other]
        if first is second or set(owner[first]) & set(owner[second]):
            continue
        apart = np.linalg.norm(places[first][:, None] - places[second][None], axis=-1)
        if apart.max() <= distance_um * (1 + 1e-9):
            joined = first + second
            for number in joined:
                cells[number] = joined
    unique = {min(cell): cell for cell in cells}
    found = np.full((len(unique), len(points)), -1)
    for row, lowest in enumerate(sorted(unique)):
        of_cell = np.array(unique[lowest])
        found[row, owner[of_cell]] = of_cell - starts[owner[of_cell]]
    return found


def _pairs(
    points: Sequence[np.ndarray], starts: np.ndarray, places: np.ndarray, distance_um: float
) -> Iterable[tuple[int, int]]:
    """The pairs that two annotators' points make, the nearest first, by their numbers in all."""
    if sum(len(given) > 0 for given in points) < 2:
        return []
    # Of use to several annotators alone, and long to load.
    from cellsift.labels.matching import match

    found = [np.empty((0, 2), dtype=int)]
    for one, other in combinations(range(len(points)), 2):
        pairs = match(points[one], points[other], (1.0, 1.0, 1.0), distance_um)
        found.append(pairs + starts[[one, other]])
    pairs = np.concatenate(found)
    apart = np.linalg.norm(places[pairs[:, 0]] - places[pairs[:, 1]], axis=1).round(9)
    # Of pairs as far apart, whoever made them, the first in space.
    z, y, x = places[pairs].mean(axis=1).T
    return [(int(one), int(other)) for one, other in pairs[np.lexsort((x, y, z, apart))]]


def merge_marks(
    marks: Sequence[Marks],
    voxel_size: Sequence[float],
    distance_um: float,
    agreed_by: Literal["all", "majority"] = "all",
) -> pd.DataFrame:
    """Merge what annotators have marked into one table z, y, x (voxels), kind, annotators.

    `kind` is cell, disputed, unsure or no_cell. A position is the mean of its marks, and
    `annotators` names who made them. A cell is agreed on where nobody who has marked all cells of
    that plane left it out, and nobody who did not mark it has a mark of doubt or of an artefact
    within `distance_um`; by "majority", where more have marked it than that. Any other is disputed.
    Where only some cells are annotated silence contradicts nobody. Marks of doubt stay but beside a
    cell, and artefacts but beside another annotator's cell.

    Example:
        >>> one = pd.DataFrame([[0.0, 5, 5], [0, 9, 9]], columns=AXES)
        >>> merged = merge_marks([Marks("anna", one), Marks("ben", one[:1])], (1, 1, 1), 2)
        >>> merged["kind"].tolist(), merged["annotators"].tolist()
        (['cell', 'disputed'], ['anna ben', 'anna'])
    """
    size = np.asarray(voxel_size, dtype=float)
    cells = _merged(marks, "cells", size, distance_um)
    artefacts = _merged(marks, "artefacts", size, distance_um)
    cells["kind"] = np.where(
        _agreed(cells, marks, size, distance_um, agreed_by), CELL, DISPUTED
    ).astype(object)
    artefacts["kind"] = NO_CELL
    artefacts = artefacts[~_contradicted(artefacts, cells, marks, size, distance_um)]
    unsure = [
        mark.unsure[AXES].assign(kind=UNSURE, annotators=mark.annotator)
        for mark in marks
        if len(mark.unsure)
    ]
    agreed = cells.loc[cells["kind"] == CELL, AXES].to_numpy()
    unsure = [table[~_near(table[AXES].to_numpy(), agreed, size, distance_um)] for table in unsure]
    tables = [table[COLUMNS] for table in (cells, *unsure, artefacts) if len(table)]
    return pd.concat(tables, ignore_index=True) if tables else cells[COLUMNS]


def _merged(
    marks: Sequence[Marks],
    kind: Literal["cells", "artefacts"],
    size: np.ndarray,
    distance_um: float,
) -> pd.DataFrame:
    """The places of one kind, z, y, x in voxels, with `members`, a row of `merge_points`."""
    given = [getattr(mark, kind)[AXES].to_numpy(dtype=float) for mark in marks]
    members = merge_points([points * size for points in given], distance_um)
    sums, counts = np.zeros((len(members), 3)), (members >= 0).sum(axis=1)
    for column, points in enumerate(given):
        has = members[:, column] >= 0
        sums[has] += points[members[has, column]]
    # A single mark stays as it is, to the last bit.
    table = pd.DataFrame(sums / np.maximum(counts, 1)[:, None], columns=AXES)
    names = np.array([mark.annotator for mark in marks], dtype=object)
    return table.assign(
        members=list(members),
        annotators=[BETWEEN_NAMES.join(names[row >= 0]).strip() for row in members],
    )


def _agreed(
    cells: pd.DataFrame,
    marks: Sequence[Marks],
    size: np.ndarray,
    distance_um: float,
    agreed_by: Literal["all", "majority"],
) -> np.ndarray:
    """Which of the places are cells."""
    if not len(cells) or len(marks) == 1:
        return np.ones(len(cells), dtype=bool)
    members = np.stack(cells["members"].to_list())
    marked = members >= 0
    against = np.zeros_like(marked)
    for column, mark in enumerate(marks):
        if not mark.finds_cells:
            continue
        against[:, column] |= _left_out(members, marks, mark)
        for doubted in (mark.unsure, mark.artefacts):
            points = doubted[AXES].to_numpy()
            against[:, column] |= _near(cells[AXES].to_numpy(), points, size, distance_um)
    against &= ~marked
    if agreed_by == "all":
        return np.asarray(~against.any(axis=1))
    return np.asarray(marked.sum(axis=1) > against.sum(axis=1))


def _left_out(members: np.ndarray, marks: Sequence[Marks], mark: Marks) -> np.ndarray:
    """Where an annotator has marked all cells of a plane in which a place was marked."""
    seen = np.zeros(len(members), dtype=bool)
    for column, other in enumerate(marks):
        has = members[:, column] >= 0
        z = other.cells["z"].to_numpy()[members[has, column]]
        seen[has] |= mark.complete_at(z)
    return seen


def _contradicted(
    artefacts: pd.DataFrame,
    cells: pd.DataFrame,
    marks: Sequence[Marks],
    size: np.ndarray,
    distance_um: float,
) -> np.ndarray:
    """Which artefacts lie beside a cell that somebody else has marked, and none of their own."""
    found = np.zeros(len(artefacts), dtype=bool)
    if not len(artefacts) or not len(cells):
        return found
    makers = np.stack(artefacts["members"].to_list()) >= 0
    finders = np.stack(cells["members"].to_list()) >= 0
    for column, mark in enumerate(marks):
        if not mark.finds_cells:
            continue
        others = cells.loc[~finders[:, column], AXES].to_numpy()
        near = _near(artefacts[AXES].to_numpy(), others, size, distance_um)
        found |= makers[:, column] & near
    return found


def _near(
    points: np.ndarray, others: np.ndarray, size: np.ndarray, distance_um: float
) -> np.ndarray:
    """Which points have one of the others within the distance; both (n, 3) in voxels."""
    if not len(points) or not len(others):
        return np.zeros(len(points), dtype=bool)
    from scipy.spatial import KDTree

    apart, _ = KDTree(np.asarray(others, dtype=float) * size).query(points * size)
    return np.asarray(apart <= distance_um * (1 + 1e-9))
