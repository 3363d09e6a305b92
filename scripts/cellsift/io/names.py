"""What the tables of all steps call a candidate."""

from typing import Final

# What the annotation says of a candidate. Ambiguous ones are not learnt from.
CELL: Final = "cell"
NO_CELL: Final = "no_cell"
AMBIGUOUS: Final = "ambiguous"
LABELS = (CELL, NO_CELL, AMBIGUOUS)
