"""Recognises that a user's files have changed, without reading them."""

import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from cellsift.errors import InputError
from cellsift.io.annotators import files_of
from cellsift.settings.brains import FILE_COLUMNS


def data_stamp(brain: object, columns: Sequence[str] = FILE_COLUMNS) -> str:
    """A short hash of the sizes and times of a brain's files, those that `columns` name.

    `brain` has the columns of the brains table as attributes. A folder counts with the entries
    directly in it, a pattern of several annotators' files with each of them; a URL or what cannot
    be looked at with its name alone. What a process has seen once it does not look at again: a
    brain of thousands of planes is part of many jobs.
    """
    stamp = hashlib.sha256()
    for column in columns:
        for line in _entries(getattr(brain, column)):
            stamp.update(line.encode(errors="surrogateescape"))
    return stamp.hexdigest()[:16]


def answers_stamp(files: Sequence[Path]) -> str:
    """A short hash of the sizes and times of files that people have put into a folder."""
    stamp = hashlib.sha256()
    for file in files:
        for line in _entries(str(file)):
            stamp.update(line.encode(errors="surrogateescape"))
    return stamp.hexdigest()[:16]


@cache
def _entries(name: str | None) -> list[str]:
    if name is None:
        return [f"{name}\n"]
    path = Path(name)
    try:
        files = sorted(path.iterdir()) if path.is_dir() else files_of(name)
        found = [(file, file.stat()) for file in files]
        return [f"{file} {of_file.st_size} {of_file.st_mtime_ns}\n" for file, of_file in found]
    # What cannot be looked at is told, with the brain's name, by those who read it.
    except (OSError, ValueError, InputError):
        return [f"{name}\n"]
