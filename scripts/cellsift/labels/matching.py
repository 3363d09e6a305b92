"""One-to-one matching of candidates to annotated cells, and the labels that follow from it."""

from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components, min_weight_full_bipartite_matching
from scipy.spatial import KDTree

from cellsift.errors import InputError
from cellsift.io.axes import AXES
from cellsift.io.names import AMBIGUOUS, CELL, LABELS, NO_CELL
from cellsift.labels.placement import clearest, doubts_of_distance, doubts_of_placement
from cellsift.labels.reached import doubts_of_detection, doubts_of_doubles

# A component with more pairs of points than this is solved by the sparse solver
LARGEST_DENSE_COMPONENT = 40_000


def match(
    candidates: np.ndarray,
    annotated: np.ndarray,
    voxel_size: tuple[float, float, float],
    distance_um: float,
) -> np.ndarray:
    """Match candidates (n, 3) to annotated cells (m, 3), both z, y, x in voxels.

    Returns index pairs (k, 2) of (candidate, annotated cell), sorted by candidate. The matching is
    one to one, pairs lie within `distance_um` (inclusive), the number of pairs is the largest
    possible, and among the matchings of that size the sum of distances is the smallest.
    """
    candidates, annotated = _microns(candidates, voxel_size), _microns(annotated, voxel_size)
    if not (np.isfinite(distance_um) and distance_um > 0):
        raise InputError(f"the matching distance is {distance_um} µm; give a positive number.")
    if not len(candidates) or not len(annotated):
        return np.empty((0, 2), dtype=np.int64)
    pairs = [
        _assign(rows, columns, distances)
        for rows, columns, distances in _components(candidates, annotated, distance_um)
    ]
    matched = np.concatenate([np.empty((0, 2), dtype=np.int64), *pairs])
    return matched[np.argsort(matched[:, 0], kind="stable")]


def label_candidates(
    candidates: pd.DataFrame,
    cells: pd.DataFrame,
    non_cells: pd.DataFrame | None,
    voxel_size: tuple[float, float, float],
    distance_um: float,
    shape: tuple[int, int, int] | None = None,
    in_doubt: pd.DataFrame | None = None,
    complete: np.ndarray | None = None,
    candidates_from: str | None = None,
) -> tuple[pd.DataFrame, dict]:
    """Label candidates (columns z, y, x in voxels) by the annotation.

    Returns the candidates with a column `label` and a JSON-ready summary. With `cells` alone the
    annotation counts as complete: a matched candidate is "cell", one that is not matched but lies
    within `distance_um` of a cell is "ambiguous", any other is "no_cell". With `non_cells` only
    what was annotated is used: candidates are matched to both kinds at once, and those without a
    match, or with a nearer annotation of the other kind, are "ambiguous".

    Candidates within `distance_um` of a position `in_doubt` (z, y, x), such as one that only some
    annotators marked, are "ambiguous" but for those that match a cell as near or nearer. `complete`
    says of each candidate whether all cells around it are annotated, where that is not so of the
    whole volume: what matches nothing is "no_cell" there, and "ambiguous" elsewhere.

    `candidates_from` is the file of another program that they are from, if they are.

    The summary counts annotated cells, those `reached` by a candidate, and lists the row numbers
    of those `missed`, counted from 0; `candidates_per_cell` is None where not all cells, or none,
    are annotated. Its `warnings` are sentences on annotated cells that seem to lie elsewhere
    (`doubts_of_placement`), for which the `shape` of the volume is of use, its
    `detection_warnings` on a matching distance too large and on cells without a candidate.
    """
    if non_cells is None:
        labels, reached = _labels_by_cells(candidates, cells, voxel_size, distance_um)
    else:
        labels, reached = _labels_by_both(candidates, cells, non_cells, voxel_size, distance_um)
    if in_doubt is not None or complete is not None:
        given = (cells, non_cells, in_doubt)
        labels = _limited(labels, candidates, given, complete, voxel_size, distance_um)
    missed = np.setdiff1d(np.arange(len(cells)), reached)
    everywhere = non_cells is None and (complete is None or bool(np.all(complete)))
    per_cell = len(candidates) / len(cells) if everywhere and len(cells) else None
    points = cells[AXES].to_numpy()
    summary: dict[str, Any] = {
        "distance_um": float(distance_um),
        "candidates": len(candidates),
        "candidates_from": candidates_from,
        "annotated": len(cells),
        "annotated_non_cells": None if non_cells is None else len(non_cells),
        "reached": len(reached),
        "recall": len(reached) / len(cells) if len(cells) else None,
        "candidates_per_cell": per_cell,
        **{label: int((labels == label).sum()) for label in LABELS},
        "missed": missed.tolist(),
        "warnings": doubts_of_placement(
            clearest(candidates, len(cells)), points, voxel_size, distance_um, shape
        ),
    }
    summary["detection_warnings"] = [
        *doubts_of_distance(points, voxel_size, distance_um),
        *doubts_of_detection(summary),
        # Where people disagree, or looked at a part, candidates are left out for other reasons.
        *(doubts_of_doubles(summary) if _sure(in_doubt) and _sure(complete) else []),
    ]
    return candidates.assign(label=labels), summary


def _sure(left_out: pd.DataFrame | np.ndarray | None) -> bool:
    """Whether no position is in doubt, or every candidate was looked at."""
    if left_out is None:
        return True
    return bool(left_out.all()) if isinstance(left_out, np.ndarray) else left_out.empty


def _microns(points: np.ndarray, voxel_size: tuple[float, float, float]) -> np.ndarray:
    points = np.asarray(points, dtype=float).reshape(-1, 3)
    if not np.isfinite(points).all():
        raise InputError("a position to be matched is not a finite number; correct or drop it.")
    return points * np.asarray(voxel_size, dtype=float)


def _components(candidates: np.ndarray, annotated: np.ndarray, distance_um: float):
    """Yield rows, columns and distances of the pairs within reach, per connected group of points.

    Groups share no point, so that matching each on its own gives the matching of all.
    """
    # the tolerance keeps pairs at exactly the distance, whatever the rounding of the voxel size
    within = KDTree(candidates).sparse_distance_matrix(
        KDTree(annotated), distance_um * (1 + 1e-9), output_type="coo_matrix"
    )
    if not within.nnz:
        return
    n, total = len(candidates), len(candidates) + len(annotated)
    graph = coo_array((np.ones(within.nnz), (within.row, within.col + n)), shape=(total, total))
    component = connected_components(graph, directed=False)[1][within.row]
    order = np.lexsort((within.col, within.row, component))
    starts = np.flatnonzero(np.diff(component[order], prepend=-1))
    for start, stop in zip(starts, np.append(starts[1:], len(order)), strict=True):
        chosen = order[start:stop]
        yield within.row[chosen], within.col[chosen], within.data[chosen]


def _assign(rows: np.ndarray, columns: np.ndarray, distances: np.ndarray) -> np.ndarray:
    """Match one group of points, given its pairs within reach."""
    if len(rows) == 1:
        return np.column_stack([rows, columns]).astype(np.int64)
    row_names, row = np.unique(rows, return_inverse=True)
    column_names, column = np.unique(columns, return_inverse=True)
    # one more match must outweigh any saving of distance
    penalty = (min(len(row_names), len(column_names)) + 1) * (distances.max() + 1.0)
    shape = (len(row_names), len(column_names))
    if shape[0] * shape[1] <= LARGEST_DENSE_COMPONENT:
        matched = _assign_dense(row, column, distances, shape, penalty)
    else:
        matched = _assign_sparse(row, column, distances, shape, penalty)
    return np.column_stack([row_names[matched[0]], column_names[matched[1]]]).astype(np.int64)


def _assign_dense(row, column, distances, shape, penalty):
    cost = np.full(shape, penalty)
    cost[row, column] = distances
    first, second = linear_sum_assignment(cost)
    kept = cost[first, second] < penalty
    return first[kept], second[kept]


def _assign_sparse(row, column, distances, shape, penalty):
    """As the dense one; each row has a column of its own that stands for staying unmatched."""
    if shape[0] > shape[1]:
        second, first = _assign_sparse(column, row, distances, shape[::-1], penalty)
        return first, second
    own = np.arange(shape[0])
    # the solver takes no zero costs; one more µm on every pair leaves the order of matchings alone
    cost = csr_array(
        (
            np.concatenate([distances + 1.0, np.full(shape[0], 1.0 + penalty)]),
            (np.concatenate([row, own]), np.concatenate([column, own + shape[1]])),
        ),
        shape=(shape[0], shape[0] + shape[1]),
    )
    first, second = min_weight_full_bipartite_matching(cost)
    kept = second < shape[1]
    return first[kept], second[kept]


def _labels_by_cells(candidates, cells, voxel_size, distance_um):
    points, annotated = candidates[AXES].to_numpy(), cells[AXES].to_numpy()
    pairs = match(points, annotated, voxel_size, distance_um)
    near = _nearest(points, annotated, voxel_size) <= distance_um * (1 + 1e-9)
    labels = np.where(near, AMBIGUOUS, NO_CELL).astype(object)
    labels[pairs[:, 0]] = CELL
    return labels, pairs[:, 1]


def _labels_by_both(candidates, cells, non_cells, voxel_size, distance_um):
    points = candidates[AXES].to_numpy()
    annotated = [cells[AXES].to_numpy(), non_cells[AXES].to_numpy()]
    pairs = match(points, np.concatenate(annotated), voxel_size, distance_um)
    matched, is_cell = pairs[:, 0], pairs[:, 1] < len(cells)
    to_cell, to_non_cell = (_nearest(points, kind, voxel_size)[matched] for kind in annotated)
    nearer = np.where(is_cell, to_cell <= to_non_cell, to_non_cell <= to_cell)
    labels = np.full(len(points), AMBIGUOUS, dtype=object)
    labels[matched[nearer & is_cell]] = CELL
    labels[matched[nearer & ~is_cell]] = NO_CELL
    return labels, pairs[is_cell, 1]


def _limited(labels, candidates, given, complete, voxel_size, distance_um):
    """The labels with what is in doubt, or lies where not all is annotated, made ambiguous."""
    points = candidates[AXES].to_numpy()
    nothing = np.empty((0, 3))
    to_cell, to_none, to_doubt = (
        _nearest(points, nothing if kind is None else kind[AXES].to_numpy(), voxel_size)
        for kind in given
    )
    reach = distance_um * (1 + 1e-9)
    labels = labels.copy()
    if complete is not None:
        _, non_cells, _ = given
        if non_cells is None:
            labels[(labels == NO_CELL) & ~complete] = AMBIGUOUS
        else:
            beside = np.minimum(np.minimum(to_cell, to_none), to_doubt) <= reach
            labels[(labels == AMBIGUOUS) & complete & ~beside] = NO_CELL
    labels[(labels == NO_CELL) & (to_doubt <= reach)] = AMBIGUOUS
    labels[(labels == CELL) & (to_doubt <= reach) & (to_doubt < to_cell)] = AMBIGUOUS
    return labels


def is_near(
    points: pd.DataFrame,
    others: pd.DataFrame,
    voxel_size: tuple[float, float, float],
    distance_um: float,
) -> np.ndarray:
    """Which points have one of the others within the distance; tables z, y, x in voxels."""
    apart = _nearest(points[AXES].to_numpy(), others[AXES].to_numpy(), voxel_size)
    return apart <= distance_um * (1 + 1e-9)


def _nearest(points, annotated, voxel_size) -> np.ndarray:
    """Distance of each point to the nearest annotated one in µm, infinite where there is none."""
    points, annotated = _microns(points, voxel_size), _microns(annotated, voxel_size)
    if not len(points) or not len(annotated):
        return np.full(len(points), np.inf)
    return KDTree(annotated).query(points)[0]
