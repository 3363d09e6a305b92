"""Positions of cells from a CSV, as programs and spreadsheets write it."""

import io
import re
import warnings
from pathlib import Path
from textwrap import shorten

import numpy as np
import pandas as pd

from cellsift.errors import InputError
from cellsift.io.axes import AXES
from cellsift.io.text_files import read_text

# As napari names the axes of a layer of points.
NAPARI_AXES = ["axis-0", "axis-1", "axis-2"]
OTHER_SEPARATORS = {";": "semicolons", "\t": "tabs"}
LONGEST_HEADER = 80
ADVICE = "name the columns z, y, x and separate them by commas"
# Columns that only a program's result has, and what that is: no positions in the signal, ...
NO_POSITIONS = {
    ("coordinate_atlas_axis_0",): "cells in an atlas (all_points.csv of brainmapper)",
    ("shape-type", "vertex-index"): "corners of shapes (a layer of shapes of napari, not points)",
}
# ... or positions that come from no person.
RESULTS = {
    ("p_cell",): "verdicts of a classifier (cells.csv of cellsift)",
    ("contrast", "label"): "labelled candidates (labels.csv of cellsift)",
    ("kind", "annotators"): "merged marks of annotators (annotation.csv of cellsift)",
    **NO_POSITIONS,
}
CANDIDATES = {*AXES, "contrast"}
# Columns by which tables of other programs are known, and what has to be done with them.
OTHERS = {
    "slice": "It looks like a table of results of Fiji, where slices count from 1, and through the "
    "channels of a hyperstack, and X and Y are in the image's unit: write z = slice - 1 of the "
    "channel, and divide x and y by the size of a pixel.",
    "position_x": "It looks like a table of TrackMate, whose positions are in µm: divide them by "
    "the voxel size.",
    "position x": "It looks like a table of Imaris, whose positions are in µm: divide them by the "
    "voxel size.",
}
CELL_WORDS = {"1", "1.0", "true", "yes", "cell"}
NO_CELL_WORDS = {"0", "0.0", "false", "no", "no_cell"}


def read_csv(path: Path, kind: str, from_people: bool = True) -> tuple[pd.DataFrame, np.ndarray]:
    """The positions z, y, x as text, row i of the file's data at index i, blank rows left out.

    `kind` as in `cells.read_points`; it counts where a column is_cell or BrainGlobe's type tells
    cells from others. Also returns which rows are cells by their type, if there is one. Raises
    InputError for a table that cannot be read, that holds no positions in the signal, or, where
    they are to be `from_people`, is a program's result.
    """
    table = _table(path)
    _refuse_results(path, {name.lower() for name in table.columns}, from_people)
    columns = _positions(path, table)
    types = _types(table)
    chosen = _chosen(path, table, types, kind)
    return table.loc[chosen, columns].set_axis(AXES, axis=1), types


def _table(path: Path) -> pd.DataFrame:
    text = read_text(path, "CSV (comma-separated)")
    header = next((line for line in text.split("\n") if line.strip()), "")
    _refuse_other_separators(path, header)
    try:
        with warnings.catch_warnings():
            # pandas only warns when it cuts a row with more values than columns
            warnings.simplefilter("error", pd.errors.ParserWarning)
            table = pd.read_csv(
                io.StringIO(text), dtype=str, index_col=False, skipinitialspace=True
            )
    except pd.errors.EmptyDataError:
        raise InputError(f"{path}: the file is empty; give it columns z, y, x.") from None
    except (pd.errors.ParserError, pd.errors.ParserWarning) as error:
        raise InputError(
            f"{path}: cannot be read as comma-separated text ({str(error).strip()}); save it as "
            "CSV in UTF-8 with columns z, y, x and decimal points. Its first line has to name the "
            f"columns, found {shorten(header, LONGEST_HEADER)!r}."
        ) from None
    table.columns = table.columns.str.strip()
    # pandas gives the second of two columns of one name a number.
    double = [axis for axis in (*AXES, *NAPARI_AXES) if f"{axis}.1" in table.columns]
    if double:
        raise InputError(
            f"{path}: column {', '.join(double)} is there twice; keep the one with the positions "
            "of the cells in voxels of the signal."
        )
    # Spreadsheets write rows that were emptied as commas alone.
    return table[table.notna().any(axis=1)]


def _refuse_other_separators(path: Path, header: str) -> None:
    for sign, name in OTHER_SEPARATORS.items():
        names = {part.strip(' "').lower() for part in header.split(sign)}
        if names.issuperset(AXES) or names.issuperset(NAPARI_AXES):
            raise InputError(
                f"{path}: cannot be read as cells: column z, y, x is missing, found {header!r}; "
                f"{ADVICE}. They are separated by {name}, as spreadsheets do where decimals have a "
                "comma: in a text editor, replace every comma by a point first, and then every one "
                f"of the {name} by a comma."
            )


def _positions(path: Path, table: pd.DataFrame) -> list[str]:
    """The names of the columns that hold z, y and x."""
    names = {name.lower(): name for name in table.columns}
    if set(AXES) <= set(table.columns):
        return AXES
    other = next((said for name, said in OTHERS.items() if name in names), "")
    if set(NAPARI_AXES) <= set(names):
        if "axis-3" in names:
            raise InputError(
                f"{path}: is a layer of points of napari with more than three axes; save the axes "
                "of one channel and time as z, y, x."
            )
        return [names[axis] for axis in NAPARI_AXES]
    if set(NAPARI_AXES[:2]) <= set(names):
        raise InputError(
            f"{path}: is a layer of points of napari with two axes, so that it is not known in "
            "which plane they lie; mark them in the volume, and save a layer of three axes, z, y, "
            "x."
        )
    if set(AXES) <= set(names) and not other:
        return [names[axis] for axis in AXES]
    missing = [axis for axis in AXES if other or axis not in names]
    raise InputError(
        f"{path}: cannot be read as cells: column {', '.join(missing)} is missing, "
        f"found {', '.join(table.columns)}; "
        f"{ADVICE}." + (f" {other}" if other else "")
    )


def _refuse_results(path: Path, names: set[str], from_people: bool) -> None:
    refused = RESULTS if from_people else NO_POSITIONS
    found = next((said for columns, said in refused.items() if names.issuperset(columns)), None)
    if from_people and names == CANDIDATES:
        found = "candidates of a detection (candidates.csv of cellsift)"
    if found and not from_people:
        raise InputError(
            f"{path}: holds {found}, as its columns {', '.join(sorted(names))} show; give the "
            "candidates as z, y, x in voxels of the signal."
        )
    if found:
        raise InputError(
            f"{path}: holds {found}, as its columns {', '.join(sorted(names))} show, but an "
            "annotation has to come from people. If one has gone through all of it, save what was "
            "found to be a cell as columns z, y, x alone."
        )


def _types(table: pd.DataFrame) -> np.ndarray:
    """Which rows are cells by BrainGlobe's type, 2; empty without a column of such types."""
    names = {name.lower(): name for name in table.columns}
    if "type" not in names:
        return np.empty(0, dtype=bool)
    types = table[names["type"]].fillna("").str.strip()
    if not types.map(lambda text: bool(re.fullmatch(r"-?[12](\.0)?", text))).all():
        return np.empty(0, dtype=bool)
    return types.str.startswith("2").to_numpy(dtype=bool)


def _chosen(path: Path, table: pd.DataFrame, types: np.ndarray, kind: str) -> np.ndarray:
    """Which rows are of this kind."""
    names = {name.lower(): name for name in table.columns}
    is_cell = types
    if kind != "all" and "is_cell" in names:
        words = table[names["is_cell"]].fillna("").str.strip().str.lower()
        unknown = ~words.isin(CELL_WORDS | NO_CELL_WORDS)
        if unknown.any():
            raise InputError(
                f"{path}: row {unknown.idxmax() + 1} has {words[unknown.idxmax()]!r} as is_cell; "
                "give True or False everywhere, or leave the column out."
            )
        is_cell = words.isin(CELL_WORDS).to_numpy(dtype=bool)
    # A table of one of BrainGlobe's types is kept whole, as its XML is.
    elif kind == "all" or types.all() or not types.any():
        return np.ones(len(table), dtype=bool)
    return is_cell if kind == "cell" else ~is_cell
