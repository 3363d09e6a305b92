"""Outputs that are written whole or not at all: written beside, then renamed."""

import glob
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cellsift.errors import InputError

PROBE_BYTES = 2**20


@contextmanager
def atomic_file(path: str | Path) -> Iterator[Path]:
    """Yield a path beside `path` to write to; on success it takes the place of `path`.

    When the block raises, the half-written file is removed and `path` stays as it was. What a
    writer of `path` that was killed has left is removed too: a file has one writer at a time.
    Raises OSError, with `path` as its file name, for a disk that is full or fails.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(path)
    handle, name = tempfile.mkstemp(**_names_beside(path))
    os.close(handle)
    beside = Path(name)
    try:
        with _naming_disk_errors(path, beside):
            yield beside
            beside.chmod(0o666 & ~_umask())
            _write_through(beside)
            beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: str | Path) -> Iterator[Path]:
    """Yield an empty folder beside `path`; on success it takes the place of `path`.

    Otherwise as `atomic_file`.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(path)
    beside = Path(tempfile.mkdtemp(**_names_beside(path)))
    try:
        with _naming_disk_errors(path, beside / "probe"):
            yield beside
            beside.chmod(0o777 & ~_umask())
            for file in beside.rglob("*"):
                _write_through(file)
            if path.exists():
                # Never half removed under its own name, where it would be taken for whole.
                path.replace(tempfile.mkdtemp(**_names_beside(path)))
            beside.replace(path)
            _remove_leftovers(path)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _write_through(file: Path) -> None:
    """Have the system write a file to its disk now; nothing for a folder."""
    if file.is_file():
        with file.open("rb") as written:
            os.fsync(written.fileno())


def _names_beside(path: Path) -> dict:
    """Where `tempfile` puts what is to become `path`."""
    return {"dir": path.parent, "prefix": f".{path.stem}-", "suffix": path.suffix}


def _remove_leftovers(path: Path) -> None:
    # `tempfile` puts eight characters into its names.
    names = f".{glob.escape(path.stem)}-{'[a-z0-9_]' * 8}{glob.escape(path.suffix)}"
    for left in path.parent.glob(names):
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink(missing_ok=True)


@contextmanager
def _naming_disk_errors(path: Path, probe: Path) -> Iterator[None]:
    """Give an OSError of the block `path` as its file name.

    Libraries often hide the disk's own error in one of theirs, or leave its number out. Then it is
    asked for again, by writing to the file `probe`.
    """
    try:
        yield
    except InputError:
        raise
    except Exception as problem:
        error = problem if getattr(problem, "errno", None) else _disk_error(probe)
        if not isinstance(error, OSError):
            raise
        error.filename = str(path)
        if error is problem:
            raise
        raise error from problem


def _disk_error(probe: Path) -> OSError | None:
    try:
        with probe.open("ab") as file:
            file.write(bytes(PROBE_BYTES))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return error
    return None


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
