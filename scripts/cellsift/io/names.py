"""What the tables of all steps call a candidate, and the folders of all arms their model."""

from pathlib import Path
from typing import Final

from cellsift.errors import InputError

# What the annotation says of a candidate. Ambiguous ones are not learnt from.
CELL: Final = "cell"
NO_CELL: Final = "no_cell"
AMBIGUOUS: Final = "ambiguous"
LABELS = (CELL, NO_CELL, AMBIGUOUS)
# The file of an arm's folder by which its networks, or its members, are used as one.
MODEL_FILE: Final = "model.json"
# Whose the scores of a train brain are that a finished model has not learnt from.
AS_IT_IS: Final = "model as it is"
# How one arm does beside another.
BETTER: Final = "better"
WORSE: Final = "worse"
NOT_DISTINGUISHABLE: Final = "not distinguishable"


def check_file_names(names: object, path: Path) -> list[str]:
    """Return the names; raise InputError unless they are a list of files beside `path`.

    A list from a stranger could otherwise have files read from anywhere.
    """
    if (
        not isinstance(names, list)
        or not names
        or not all(
            isinstance(name, str) and name == Path(name).name and name not in ("", "..")
            for name in names
        )
    ):
        raise InputError(
            f"{path}: 'folds' is {names!r}; it has to list the names of files beside it"
        )
    return names
