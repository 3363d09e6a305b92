"""What people have marked in a brain."""

import pandas as pd

from cellsift.io.cells import read_points
from cellsift.io.names import CELL, NO_CELL
from cellsift.settings.brains import Brain


def annotated_cells(brain: Brain) -> pd.DataFrame:
    """Return the cells of an annotated brain: z, y, x in voxels. Raises InputError."""
    if brain.cells is None:
        raise ValueError(f"brain {brain.name} is not annotated")
    return read_points(brain.cells, CELL)


def annotated_artefacts(brain: Brain) -> pd.DataFrame | None:
    """Return the artefacts of a brain as above; None where all cells are annotated instead."""
    return read_points(brain.non_cells, NO_CELL) if brain.non_cells else None
