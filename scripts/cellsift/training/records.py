"""What every training leaves on record: its history, and the versions that decided its weights."""

import platform
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch

import cellsift
from cellsift.io.tables import write_table
from cellsift.training.progress import Row

# Of learning rates, which become small.
DECIMALS = 9


def write_history(history: Sequence[Row], path: str | Path) -> None:
    """Write a CSV with a row for each epoch, and a column for each of its figures."""
    write_table(pd.DataFrame(history), path, DECIMALS)


def versions() -> dict[str, str]:
    """Return the versions of what decides a network's weights."""
    return {
        "cellsift": cellsift.__version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
    }
