"""What annotators' own names of a label or counter mean: a cell, none, or not sure."""

import re
from typing import Final, Literal

from cellsift.io.names import CELL, NO_CELL

UNSURE: Final = "unsure"
Meaning = Literal["cell", "no_cell", "unsure"]
DOUBTFUL = r"\?|\b(un(sure|certain|clear)|not sure|maybe|perhaps|ambiguous|doubtful|both)\b"
NOT_CELLS = (
    r"\b(non?|not|none|non?cells?|art[ei]facts?|artefakte?|noise|background|negatives?|false|debris|"
    r"junk|rejected|exclude[ds]?|keine?)\b"
)
CELLS = r"\b(cells?|zellen?|neurons?|somas?|somata|nucleus|nuclei|positives?|true|yes)\b"


def meaning_of(name: str) -> Meaning | None:
    """What a name such as "Cells", "no_cell", "Artefact" or "unsure" says; None where nothing.

    Example:
        >>> meaning_of("NoCell"), meaning_of("neuron?"), meaning_of("Type 3")
        ('no_cell', 'unsure', None)
    """
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    words = re.sub(r"[_\W]+", " ", words.replace("?", "\0")).replace("\0", "?").lower()
    if re.search(DOUBTFUL, name.lower()) or re.search(DOUBTFUL, words):
        return UNSURE
    if re.search(NOT_CELLS, words):
        return NO_CELL
    return CELL if re.search(CELLS, words) else None
