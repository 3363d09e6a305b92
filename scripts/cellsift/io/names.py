"""Names that the tables of all steps share: of axes, and of what a candidate is."""

# Positions are columns in this order, in voxels of the signal.
AXES = ["z", "y", "x"]

# What the annotation says of a candidate. Ambiguous ones are not learnt from.
CELL, NO_CELL, AMBIGUOUS = "cell", "no_cell", "ambiguous"
LABELS = (CELL, NO_CELL, AMBIGUOUS)
