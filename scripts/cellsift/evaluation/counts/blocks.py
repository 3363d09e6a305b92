"""What blocks of tissue in which every cell was marked say of a brain's candidates."""

import numpy as np
import pandas as pd

from cellsift.calibration.score_posterior import Labels
from cellsift.evaluation.counts.recall import MarkedBlocks
from cellsift.io.axes import AXES, Size
from cellsift.labels.matching import is_near, match


def read_blocks(
    blocks: pd.DataFrame,
    cells: pd.DataFrame,
    candidates: np.ndarray,
    voxel_size: Size,
    distance_um: float,
    in_doubt: pd.DataFrame | None = None,
) -> tuple[MarkedBlocks, Labels | None]:
    """Return what was found of the blocks' cells, and the labels of the candidates in them.

    A cell is found that has a candidate by one-to-one matching within `distance_um`, which may lie
    beyond the border. A candidate that has a cell is one; any other is none, also a second one at a
    cell. Candidates within that distance of the block's border, whose cell may lie beyond it, get
    no label, whether they have a cell or not: else cells would be too large a share of the labels.
    Nor do those that lie so near to a position in doubt. Labels have the weight of their block.

    Args:
        blocks: block, z0, y0, x0, z1, y1, x1 (voxels, half-open), weight.
        cells: block and z, y, x in voxels of the brain.
        candidates: (n, 3), z, y, x in voxels.
        voxel_size: µm, z, y, x.
        in_doubt: z, y, x in voxels of the brain, what only some annotators have marked.
    """
    found, labels = [], []
    table = pd.DataFrame(candidates, columns=AXES)
    doubtful = np.zeros(len(table), bool)
    if in_doubt is not None:
        doubtful = is_near(table, in_doubt, voxel_size, distance_um)
    for box in blocks.to_dict("records"):
        own = cells.loc[cells["block"] == box["block"], AXES].to_numpy(float)
        low, high = (np.array([box[f"{axis}{end}"] for axis in AXES], float) for end in (0, 1))
        matched, some, none = _answers(own, low, high, candidates, voxel_size, distance_um)
        found.append({"cells": len(own), "found": len(matched), "weight": box["weight"]})
        some, none = some[~doubtful[some]], none[~doubtful[none]]
        rows = np.concatenate([some, none])
        is_cell = np.arange(len(rows)) < len(some)
        labels.append((rows, is_cell, *(np.full(len(rows), box[of]) for of in ("weight", "block"))))
    if not found:
        return MarkedBlocks.none(), None
    of_blocks = pd.DataFrame(found).astype(float)
    rows, is_cell, weight, block = (np.concatenate(values) for values in zip(*labels, strict=True))
    return (
        MarkedBlocks(*(of_blocks[name].to_numpy() for name in ("cells", "found", "weight"))),
        Labels(rows.astype(int), is_cell, weight, block),
    )


def _answers(
    cells: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    candidates: np.ndarray,
    voxel_size: Size,
    distance_um: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows of the candidates that have a cell of a block, and of those well within it that have one
    and that have none."""
    reach = distance_um / np.asarray(voxel_size)
    near = np.flatnonzero(((candidates >= low - reach) & (candidates < high + reach)).all(axis=1))
    matched = near[match(candidates[near], cells, voxel_size, distance_um)[:, 0]]
    inner, outer = well_within(low, high, voxel_size, distance_um)
    within = near[((candidates[near] >= inner) & (candidates[near] < outer)).all(axis=1)]
    return matched, np.intersect1d(within, matched), np.setdiff1d(within, matched)


def well_within(
    low: np.ndarray, high: np.ndarray, voxel_size: Size, distance_um: float
) -> tuple[np.ndarray, np.ndarray]:
    """Corners of that part of blocks whose candidates get a label, beyond `distance_um` of borders.

    `low` and `high` (..., 3) are the blocks' corners, z, y, x in voxels, half-open.

    Example:
        >>> low, high = well_within(np.array([0, 20, 20]), np.array([10, 60, 60]), (5, 2, 2), 10)
        >>> low.tolist(), high.tolist()
        ([0.0, 25.0, 25.0], [8.0, 55.0, 55.0])
    """
    reach = distance_um / np.asarray(voxel_size)
    # Nothing lies beyond the first voxels of a volume, and of a thin block nothing would be left.
    margin = np.where(high - low > 3 * reach, reach, 0.0)
    return np.where(low > 0, low + margin, low), high - margin
