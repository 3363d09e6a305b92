"""A block that several annotators have marked, made one as a brain of several annotators is."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from cellsift.annotation.marks import Marks, no_points
from cellsift.annotation.merging import merge_marks
from cellsift.annotation.quality import agreement_by_plane, conflicting
from cellsift.io.axes import AXES
from cellsift.io.names import CELL
from cellsift.settings.brains import Brain, annotators_apart_um


@dataclass(frozen=True, eq=False)
class MergedBlock:
    """What is known of a block, positions z, y, x in voxels of the brain.

    `cells` are those that its annotators agree on, `in_doubt` what some of them alone have marked.
    `f1` is how far they agree, where that is too little for the block to be of use, else None.
    """

    cells: pd.DataFrame
    in_doubt: pd.DataFrame
    f1: float | None = None


def merge_block(by_annotator: Mapping[str, pd.DataFrame], brain: Brain) -> MergedBlock:
    """Merge the cells that each annotator has marked in a block: z, y, x in voxels of the brain.

    Their marks are one cell by `merging.merge_points`, and agreed on by `merging.merge_marks`, with
    the brain's settings of annotators and matching. A single annotator's cells stay as they are.

    Example:
        >>> marked = {"anna": [[0.0, 5, 5], [0, 30, 30]], "ben": [[0.0, 5, 7]]}
        >>> tables = {name: pd.DataFrame(rows, columns=AXES) for name, rows in marked.items()}
        >>> merged = merge_block(tables, Brain("mouse", "signal", (5, 2, 2)))
        >>> merged.cells.to_numpy().tolist(), len(merged.in_doubt)
        ([[0.0, 5.0, 6.0]], 1)
    """
    if len(by_annotator) < 2:
        cells = next(iter(by_annotator.values()), no_points())
        return MergedBlock(cells, no_points())
    # Of use to several annotators alone, and long to load.
    from cellsift.annotation.agreement import pair_outcomes

    marks = [Marks(name, points) for name, points in by_annotator.items()]
    settings = brain.annotators
    distance_um = annotators_apart_um(brain.settings)
    merged = merge_marks(marks, brain.voxel_size, distance_um, settings["agreed_by"])
    outcomes = pair_outcomes(marks, brain.voxel_size, distance_um)
    agreed = agreement_by_plane(outcomes, brain.voxel_size[0], whole=True)
    too_little = bool(conflicting(agreed, settings["least_agreement"]))
    is_cell = merged["kind"] == CELL
    return MergedBlock(
        merged.loc[is_cell, AXES].reset_index(drop=True),
        merged.loc[~is_cell, AXES].reset_index(drop=True),
        agreed[None][0] if too_little else None,
    )
