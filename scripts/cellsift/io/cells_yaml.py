"""Positions of cells from YAML, as cellfinder saves it."""

import re
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
# Levels of values within values, of which such a file has four; what builds them calls itself.
MOST_LEVELS = 50
BRACKETS = re.compile(r"[\[\]{}]")
DEEP_LINE = re.compile(rf"^(?:[ \t]*[-?:]){{{MOST_LEVELS}}}|^[ \t]{{{2 * MOST_LEVELS}}}", re.M)


def read_yaml_cells(path: Path) -> tuple[pd.DataFrame, list[int]]:
    """The positions z, y, x as text, row i the cell i of the file, and BrainGlobe's type of each.

    Raises InputError for a file that is not one of cells, and for a cell without a type.
    """
    cells = _cells(path)
    rows = [[_text(cell.get(axis)) for axis in AXES] for cell in cells]
    types = [_type(cell.get("type"), number, path) for number, cell in enumerate(cells, start=1)]
    return pd.DataFrame(rows, columns=AXES, dtype=str), types


def _cells(path: Path) -> list[dict[str, Any]]:
    text = read_text(path, "YAML")
    if _is_deep(text):
        raise InputError(
            f"{path}: has values within values, more than {MOST_LEVELS} levels deep, which no file "
            "of cells has; save the cells again from cellfinder."
        )
    try:
        content = yaml.load(text, Loader=LOADER)
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


def _is_deep(text: str) -> bool:
    """Whether values may lie within each other deeper than in any file of cells."""
    if DEEP_LINE.search(text):
        return True
    level = 0
    for bracket in BRACKETS.finditer(text):
        level += 1 if bracket[0] in "[{" else -1
        if level > MOST_LEVELS:
            return True
    return False


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
