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

    A folder counts with the entries directly in it; a missing file or a URL with its name alone.
    """
    stamp = hashlib.sha256()
    for name in (brain.signal, brain.background, brain.cells, brain.non_cells):
        for line in _entries(name):
            stamp.update(line.encode())
    return stamp.hexdigest()[:16]


def _entries(name: str | None) -> list[str]:
    if name is None or not (path := Path(name)).exists():
        return [f"{name}\n"]
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    return [f"{file} {file.stat().st_size} {file.stat().st_mtime_ns}\n" for file in files]
