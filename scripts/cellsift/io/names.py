"""Names that the tables of all steps share: of axes, and of what a candidate is."""

from typing import Final

# Positions are columns in this order, in voxels of the signal.
AXES = ["z", "y", "x"]

# What the annotation says of a candidate. Ambiguous ones are not learnt from.
CELL: Final = "cell"
NO_CELL: Final = "no_cell"
AMBIGUOUS: Final = "ambiguous"
LABELS = (CELL, NO_CELL, AMBIGUOUS)
