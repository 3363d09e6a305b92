"""A folder of results before a run and after it: whether it can be written to, what not to keep."""

import errno
import os
from contextlib import suppress
from os import PathLike
from pathlib import Path

from cellsift.errors import InputError, disk_trouble
from cellsift.io.json_files import read_json
from cellsift.results import Results

# Bytes: less is not enough for one page of the report.
LEAST_ROOM = 10 * 2**20


def refuse_unwritable(folder: str | PathLike[str]) -> None:
    """Raise InputError if the results could not be written into `folder`, which need not exist yet.

    It, or the nearest folder above it, has to be a folder, open to this user, on a disk that is
    neither mounted read-only nor full.
    """
    nearest = _nearest(Path(folder))
    if number := _writing_error(nearest):
        problem = disk_trouble(OSError(number, os.strerror(number)))
        raise InputError(f"the folder of the results, {nearest}: {problem}")


def writing_error(folder: Path) -> int | None:
    """The number of the error that making and filling `folder` would end in; None for no error."""
    return _writing_error(_nearest(folder))


def remove_refusals(folder: str | PathLike[str]) -> None:
    """Remove what was noted of brains in `folder` that were refused: the next run looks again.

    A disk may be back by then, or a permission given, of which a file's size and time say nothing.
    """
    results = Results(folder)
    for name in results.brain_names():
        note = results.brain(name).checked
        with suppress(OSError, ValueError):
            if "refused" in read_json(note):
                note.unlink()


def _nearest(folder: Path) -> Path:
    """The folder, or the nearest above it that exists."""
    folder = folder.absolute()
    return next(path for path in (folder, *folder.parents) if os.path.lexists(path))


def _writing_error(folder: Path) -> int | None:
    """The number of the error that writing into `folder` would end in; None for no error."""
    if not folder.is_dir():
        return errno.ENOTDIR
    disk = os.statvfs(folder)
    # Root may write to any folder, but not to a disk that is mounted so.
    if disk.f_flag & os.ST_RDONLY:
        return errno.EROFS
    if not os.access(folder, os.W_OK | os.X_OK):
        return errno.EACCES
    return errno.ENOSPC if disk.f_bavail * disk.f_frsize < LEAST_ROOM else None
