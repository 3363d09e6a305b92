"""What the tables of all steps call a candidate, and the folders of all arms their model."""

from typing import Final

# What the annotation says of a candidate. Ambiguous ones are not learnt from.
CELL: Final = "cell"
NO_CELL: Final = "no_cell"
AMBIGUOUS: Final = "ambiguous"
LABELS = (CELL, NO_CELL, AMBIGUOUS)
# The file of an arm's folder by which its networks, or its members, are used as one.
MODEL_FILE: Final = "model.json"
