"""Outputs that are written whole or not at all: written beside, then renamed."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd


@contextmanager
def whole_file(path: str | Path) -> Iterator[Path]:
    """Yield a path beside `path` to write to; on success it takes the place of `path`.

    When the block raises, the half-written file is removed and `path` stays as it was.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix)
    os.close(handle)
    beside = Path(name)
    try:
        yield beside
        beside.chmod(0o666 & ~_umask())
        with beside.open("rb") as written:
            os.fsync(written.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: str | Path) -> Iterator[Path]:
    """Yield an empty folder beside `path`; on success it takes the place of `path`."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix))
    try:
        yield beside
        beside.chmod(0o777 & ~_umask())
        if path.exists():
            shutil.rmtree(path)
        beside.replace(path)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def write_table(frame: pd.DataFrame, path: str | Path, decimals: int = 6) -> None:
    """Write a table as CSV, whole or not at all; floats are rounded to `decimals` digits."""
    with whole_file(path) as beside:
        frame.round(decimals).to_csv(beside, index=False)


def write_array(array: np.ndarray, path: str | Path) -> None:
    """Write an array as .npy, which keeps every bit of it, whole or not at all."""
    with whole_file(path) as beside, beside.open("wb") as file:
        np.save(file, array, allow_pickle=False)


def read_table(path: str | Path) -> pd.DataFrame:
    """Read a table that `write_table` wrote; names of brains and arms stay text ("695")."""
    return pd.read_csv(path, dtype={"brain": str, "arm": str})


def write_json(content: dict, path: str | Path) -> None:
    """Write a JSON document, whole or not at all; it ends with a newline."""
    with whole_file(path) as beside:
        beside.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n")


def read_json(path: str | Path) -> dict:
    """Read a JSON document."""
    return json.loads(Path(path).read_text())


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
