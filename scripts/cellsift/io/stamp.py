"""Recognises that a user's files have changed, without reading them."""

import hashlib
from pathlib import Path
from typing import Protocol


class HasFiles(Protocol):
    """A row of the brains table."""

    signal: str
    background: str | None
    cells: str | None
    non_cells: str | None


def data_stamp(brain: HasFiles) -> str:
    """A short hash of the sizes and times of a brain's files.

    A folder counts with the entries directly in it; a URL or what cannot be looked at with
    its name alone.
    """
    stamp = hashlib.sha256()
    for name in (brain.signal, brain.background, brain.cells, brain.non_cells):
        for line in _entries(name):
            stamp.update(line.encode(errors="surrogateescape"))
    return stamp.hexdigest()[:16]


def _entries(name: str | None) -> list[str]:
    if name is None:
        return [f"{name}\n"]
    path = Path(name)
    try:
        files = sorted(path.iterdir()) if path.is_dir() else [path]
        return [f"{file} {file.stat().st_size} {file.stat().st_mtime_ns}\n" for file in files]
    # What cannot be looked at is told, with the brain's name, by those who read it.
    except (OSError, ValueError):
        return [f"{name}\n"]
