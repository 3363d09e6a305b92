"""What files for annotation call things."""

from typing import Final

from cellsift.io.names import CELL, NO_CELL

UNSURE: Final = "unsure"
ANSWERS: Final = (CELL, NO_CELL, UNSURE)
# Why a candidate is suggested.
RANDOM: Final = "random"
DOUBTFUL: Final = "doubtful"
DISAGREEMENT: Final = "disagreement"
VARIETY: Final = "variety"
SUSPECT: Final = "suspect"
# Of a row that was no suggestion: its label was known when the round was drawn.
KNOWN: Final = "known"
# The image that an XML names until a program has saved it again.
HANDED_OUT: Final = "suggestions of cellsift, not looked at yet"
# In the name of an XML, by which a person says to have looked at all of its points.
LOOKED_AT: Final = "looked_at"
# In the names of who has marked a position.
BETWEEN_NAMES: Final = " "
