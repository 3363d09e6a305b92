"""Whether the files that the table of brains names are there at all."""

import os
from collections.abc import Iterable, Iterator

from cellsift.errors import InputError
from cellsift.io.annotators import beside, files_of, is_pattern
from cellsift.io.paths import hint
from cellsift.settings.brains import FILE_COLUMNS, Brain


def refuse_missing(brains: Iterable[Brain]) -> None:
    """Raise InputError with each path of these brains that leads nowhere, a line for each.

    Paths are looked up, and nothing is read: all are known before the first brain is looked at.
    What is there but cannot be read, and what lies on a server, is left to the brain's preflight.
    """
    if lines := [line for brain in brains for line in _missing(brain)]:
        raise InputError("\n".join(lines))


def _missing(brain: Brain) -> Iterator[str]:
    for column in FILE_COLUMNS:
        path = getattr(brain, column)
        if path and is_pattern(path):
            yield from _without_files(brain, column, path)
        elif path and "://" not in path and not _is_there(path):
            yield (
                f"brain {brain.name}, {column}: {path}: there is no such file or folder. Correct "
                "the path in the table of brains, or check that its disk or network share is "
                f"mounted.{hint(path)}{beside(path)}"
            )


def _without_files(brain: Brain, column: str, pattern: str) -> Iterator[str]:
    try:
        files_of(pattern)
    except InputError as error:
        yield f"brain {brain.name}, {column}: {error}"


def _is_there(path: str) -> bool:
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (OSError, ValueError):
        return True
    return True
