"""The table of a brain's candidates, of what was measured in all its slabs."""

import numpy as np
import pandas as pd

from cellsift.detection.brightness import typical_root
from cellsift.detection.parts import Parts
from cellsift.io.axes import AXES


def candidate_table(
    parts: Parts, minimum: float = -np.inf, most: int | None = None
) -> pd.DataFrame:
    """Candidates z, y, x (voxels) and contrast, sorted by z, y, x.

    A part has `positions` (n, 3), their `weighted` differences (n,), and the counts of `brightness`
    of its maxima. Candidates of a contrast below `minimum` are dropped; of more than `most` (None:
    no bound) the ones of the highest contrast stay, among which equal ones stay or go together.
    The parts are gone through twice, and one of them is held at a time.
    Memory: the table, but no more than twice `most`, and a part. Time: linear.
    """
    counts = sum((part["brightness"] for part in parts), start=np.zeros(1, np.int64))
    root = typical_root(counts)
    kept, held = [np.empty((0, 4))], 0
    for part in parts:
        contrast = part["weighted"] / root
        rows = np.column_stack([part["positions"], contrast])[contrast >= minimum]
        kept.append(rows)
        held += len(rows)
        if most is not None and held > 2 * most:
            kept = [_highest(np.concatenate(kept), most, ties=True)]
            held = len(kept[0])
    table = np.concatenate(kept)
    if most is not None:
        table = _highest(table, most, ties=False)
    table = table[np.lexsort(table.T[2::-1])]
    return pd.DataFrame(table, columns=[*AXES, "contrast"])


def _highest(table: np.ndarray, most: int, ties: bool) -> np.ndarray:
    """The `most` rows of highest contrast; with or without all that equal the first one left out.

    To leave them out is right for the whole brain only: of a part nobody knows how many there are.
    """
    if len(table) <= most:
        return table
    contrast = table[:, 3]
    left_out = np.partition(contrast, -most - 1)[-most - 1]
    return table[contrast >= left_out if ties else contrast > left_out]
