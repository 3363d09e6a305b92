"""Divide the labelled candidates of the train brains into folds."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from cellsift.io.json_files import read_json
from cellsift.io.tables import read_table, write_table
from cellsift.labels.folds import assign_folds, candidates_in_um, cuboid_extent_um
from cellsift.settings.brains import Brain


def folds(
    brains: Sequence[Brain],
    labels: Sequence[str | Path],
    summaries: Sequence[str | Path],
    number: int,
    group_by: str,
    out: str | Path,
) -> None:
    """Write the folds' table (`assign_folds`) to `out`, a CSV.

    Args:
        brains: train brains, with their settings of cuboids, which are the same for all.
        labels, summaries: of each the table and the summary of `label`.
        number: of folds.
        group_by: auto, brain or block.

    Raises InputError as `assign_folds` does, with the cause where detection or matching is it.
    """
    rows = [
        candidates_in_um(brain.name, read_table(path), brain.voxel_size)
        for brain, path in zip(brains, labels, strict=True)
    ]
    extent = cuboid_extent_um(
        **brains[0].settings["cuboid"], data_voxel_sizes=[brain.voxel_size for brain in brains]
    )
    found = {brain.name: read_json(path) for brain, path in zip(brains, summaries, strict=True)}
    candidates = pd.concat(rows, ignore_index=True)
    write_table(assign_folds(candidates, number, extent, group_by, found), out)
