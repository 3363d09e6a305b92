"""The marked blocks of a brain as rows of its table of counts: there people know the number."""

import numpy as np
import pandas as pd

from cellsift.evaluation.counts.blocks import read_blocks
from cellsift.io.axes import AXES, Size


def block_rows(
    blocks: pd.DataFrame,
    cells: pd.DataFrame,
    candidates: pd.DataFrame,
    voxel_size: Size,
    distance_um: float,
) -> pd.DataFrame:
    """Return a row for each block in which every cell was marked, columns as of `count_cells`.

    Its region is "block NAME"; count, low and high are the marked cells, among_candidates those of
    them that have a candidate within `distance_um`, naive the candidates in it that are called
    cells, in_blocks those that have a label with it.

    Args:
        blocks: block, z0, y0, x0, z1, y1, x1 (voxels, half-open).
        cells: block and z, y, x in voxels of the brain.
        candidates: z, y, x in voxels, and is_cell.

    Example:
        >>> box = {"block": 1, "z0": 0, "y0": 0, "x0": 0, "z1": 9, "y1": 9, "x1": 9}
        >>> cells = pd.DataFrame({"block": [1, 1], "z": [2, 7], "y": [2, 7], "x": [2, 7]})
        >>> found = pd.DataFrame({"z": [2], "y": [2], "x": [3], "is_cell": [True]})
        >>> row = block_rows(pd.DataFrame([box]), cells, found, (1, 1, 1), 2.0).iloc[0]
        >>> row[["region", "naive", "count", "in_blocks"]].tolist()
        ['block 1', 1, 2, 1]
    """
    positions = candidates[AXES].to_numpy(float)
    marked, labels = read_blocks(
        blocks.assign(weight=1.0), cells, positions, voxel_size, distance_um
    )
    if labels is None:
        return pd.DataFrame()
    called = candidates["is_cell"].to_numpy(bool)
    rows = []
    for number, box in enumerate(blocks.to_dict("records")):
        low, high = (np.array([box[f"{axis}{end}"] for axis in AXES], float) for end in (0, 1))
        inside = ((positions >= low) & (positions < high)).all(axis=1)
        every, found = int(marked.cells[number]), int(marked.found[number])
        rows.append(
            {
                "region": f"block {box['block']}",
                "candidates": int(inside.sum()),
                "naive": int(called[inside].sum()),
                **dict.fromkeys(("count", "low", "high"), every),
                **dict.fromkeys(("among_candidates", "among_low", "among_high"), found),
                "labels": 0,
                "blocks": 1,
                "in_blocks": int((labels.block == box["block"]).sum()),
            }
        )
    return pd.DataFrame(rows)
