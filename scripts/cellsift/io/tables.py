"""Tables as CSV and arrays as .npy, written whole or not at all."""

from pathlib import Path

import numpy as np
import pandas as pd

from cellsift.io.atomic import atomic_file

# Columns that are names, whatever they look like.
NAMES = ("brain", "arm", "arm_a", "arm_b", "left_out")


def write_table(frame: pd.DataFrame, path: str | Path, decimals: int | None = 6) -> None:
    """Write a table as CSV, whole or not at all; floats are rounded to `decimals` digits.

    None: to none; `read_table(..., exact=True)` then gives the same numbers again.
    """
    with atomic_file(path) as beside:
        (frame if decimals is None else frame.round(decimals)).to_csv(beside, index=False)


def write_array(array: np.ndarray, path: str | Path) -> None:
    """Write an array as .npy, which keeps every bit of it, whole or not at all."""
    with atomic_file(path) as beside, beside.open("wb") as file:
        np.save(file, array, allow_pickle=False)


def read_table(path: str | Path, exact: bool = False) -> pd.DataFrame:
    """Read a table that `write_table` wrote; names of brains and arms stay text ("695").

    Numbers of many digits may miss their last bit unless `exact`, which takes four times as long.
    """
    precision = "round_trip" if exact else None
    return pd.read_csv(path, dtype=dict.fromkeys(NAMES, str), float_precision=precision)
