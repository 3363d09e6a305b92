"""Positions of cells from YAML, as cellfinder saves it."""

from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from cellsift.errors import InputError
from cellsift.io.axes import AXES
from cellsift.io.text_files import read_text

# BrainGlobe's names in such a file: the mark by which it is known, and the list of its cells.
MARK, CELLS = "CellCounter_Marker_File", "candidate_cells"
# libyaml takes a tenth of the time; neither makes anything but plain data.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_yaml_cells(path: Path) -> tuple[pd.DataFrame, list[int]]:
    """The positions z, y, x as text, row i the cell i of the file, and BrainGlobe's type of each.

    Raises InputError for a file that is not one of cells, and for a cell without a type.
    """
    cells = _cells(path)
    rows = [[_text(cell.get(axis)) for axis in AXES] for cell in cells]
    types = [_type(cell.get("type"), number, path) for number, cell in enumerate(cells, start=1)]
    return pd.DataFrame(rows, columns=AXES, dtype=str), types


def _cells(path: Path) -> list[dict[str, Any]]:
    try:
        content = yaml.load(read_text(path, "YAML"), Loader=LOADER)
    except InputError:
        raise
    # For values that contradict their type PyYAML lets through what Python raises.
    except (yaml.YAMLError, ValueError, LookupError, AttributeError, RecursionError) as error:
        raise InputError(
            f"{path}: is not readable as YAML ({error}); save the cells again from cellfinder."
        ) from error
    cells = content.get(CELLS) if isinstance(content, dict) and content.get(MARK) else None
    if not isinstance(cells, list) or not all(isinstance(cell, dict) for cell in cells):
        raise InputError(
            f"{path}: holds no list of cells ({MARK}, {CELLS}); give a YAML saved by cellfinder, "
            "or save the cells as XML."
        )
    return cells


def _text(value: object) -> str:
    """A number as text; what is none as what is found, never written out."""
    if isinstance(value, (int, float, str)) and not isinstance(value, bool):
        return str(value)
    return "" if value is None else f"a {type(value).__name__}"


def _type(value: object, number: int, path: Path) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise InputError(
        f"{path}: cell {number} has {_text(value) or 'nothing'} as type, expected a whole number "
        "such as 1 (no cell) or 2 (cell)."
    )
