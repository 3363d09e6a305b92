"""Tables and XML files of cell positions."""

import warnings
from pathlib import Path
from typing import Literal
from xml.etree.ElementTree import Element, ElementTree, ParseError, SubElement, indent

import defusedxml
import numpy as np
import pandas as pd
from defusedxml.ElementTree import parse

from cellsift.errors import InputError
from cellsift.io.whole import whole_file

AXES = ["z", "y", "x"]

# BrainGlobe's marker types
NO_CELL_TYPE = 1
CELL_TYPE = 2


def read_points(path: str | Path, kind: Literal["all", "cell", "no_cell"] = "all") -> pd.DataFrame:
    """Read positions as a table z, y, x (float64, voxels) in the order of the file.

    A CSV needs columns z, y and x; others are dropped. An XML is one of cellfinder or napari.
    `kind` matters for an XML that holds markers of type 2 (cell) and of other types as well:
    "cell" keeps type 2, "no_cell" keeps the other types. An XML of one type is kept whole, as
    annotators save their cells under either number. Raises InputError, naming the file and,
    where one is to blame, the row.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: there is no such file of cells; correct its path.")
    if path.suffix.lower() == ".csv":
        return _read_csv(path)
    if path.suffix.lower() == ".xml":
        return _read_xml(path, kind)
    raise InputError(
        f"{path}: cells are read from .csv or .xml, found {path.suffix or 'no suffix'!r}; "
        "save them as CSV with columns z, y, x."
    )


def write_cells_xml(cells: pd.DataFrame, path: str | Path) -> None:
    """Write cells (columns z, y, x in voxels and is_cell) as BrainGlobe XML, whole or not at all.

    Type 2 is a cell, type 1 is none. Positions are rounded to the nearest voxel, as readers of the
    format cut fractions off; a table keeps them exactly. Without cells the file is valid and
    `read_points` gives an empty table, but brainglobe-utils raises MissingCellsError.
    """
    root = Element("CellCounter_Marker_File")
    SubElement(SubElement(root, "Image_Properties"), "Image_Filename").text = "placeholder.tif"
    markers = SubElement(root, "Marker_Data")
    SubElement(markers, "Current_Type").text = "1"
    voxels = np.rint(cells[AXES].to_numpy(dtype=float)).astype(int)
    is_cell = cells["is_cell"].to_numpy(dtype=bool)
    for number, chosen in ((NO_CELL_TYPE, voxels[~is_cell]), (CELL_TYPE, voxels[is_cell])):
        if not len(chosen):
            continue
        group = SubElement(markers, "Marker_Type")
        SubElement(group, "Type").text = str(number)
        for z, y, x in chosen.tolist():
            marker = SubElement(group, "Marker")
            SubElement(marker, "MarkerX").text = str(x)
            SubElement(marker, "MarkerY").text = str(y)
            SubElement(marker, "MarkerZ").text = str(z)
    indent(root)
    with whole_file(path) as beside:
        ElementTree(root).write(beside, encoding="UTF-8", xml_declaration=True)


def _read_csv(path: Path) -> pd.DataFrame:
    try:
        with warnings.catch_warnings():
            # pandas only warns when it cuts a row with more values than columns
            warnings.simplefilter("error", pd.errors.ParserWarning)
            table = pd.read_csv(
                path, dtype=str, index_col=False, encoding="utf-8-sig", skipinitialspace=True
            )
    except pd.errors.EmptyDataError:
        raise InputError(f"{path}: the file is empty; give it columns z, y, x.") from None
    except (pd.errors.ParserError, pd.errors.ParserWarning, UnicodeDecodeError) as error:
        raise InputError(
            f"{path}: cannot be read as comma-separated text ({error}); save it as CSV in UTF-8 "
            "with columns z, y, x."
        ) from None
    table.columns = table.columns.str.strip()
    missing = [axis for axis in AXES if axis not in table.columns]
    if missing:
        raise InputError(
            f"{path}: column {', '.join(missing)} is missing, found {', '.join(table.columns)}; "
            "name the columns z, y, x and separate them by commas."
        )
    return _numbers(table[AXES], path, "row")


def _read_xml(path: Path, kind: str) -> pd.DataFrame:
    try:
        root = parse(path, forbid_dtd=True).getroot()
    except defusedxml.DefusedXmlException:
        raise InputError(
            f"{path}: declares a document type or entities, which are not read for safety; "
            "save the cells again from napari."
        ) from None
    except (ParseError, ValueError, LookupError) as error:
        raise InputError(
            f"{path}: is not valid XML ({error}); save the cells again from napari."
        ) from None
    markers = root.find("Marker_Data")
    if markers is None:
        raise InputError(
            f"{path}: holds no Marker_Data, found <{root.tag}>; give an XML saved by cellfinder "
            "or napari."
        )
    rows, cells = [], []
    for group in markers.findall("Marker_Type"):
        number = _marker_type(group, path)
        for marker in group.findall("Marker"):
            rows.append([(marker.findtext(f"Marker{axis.upper()}") or "").strip() for axis in AXES])
            cells.append(number == CELL_TYPE)
    points = _numbers(pd.DataFrame(rows, columns=AXES, dtype=str), path, "marker")
    is_cell = np.array(cells, dtype=bool)
    if kind == "all" or is_cell.all() or not is_cell.any():
        return points
    return points[is_cell if kind == "cell" else ~is_cell].reset_index(drop=True)


def _marker_type(group: Element, path: Path) -> int:
    text = group.findtext("Type")
    try:
        return int(text)
    except (TypeError, ValueError):
        raise InputError(
            f"{path}: a Marker_Type has type {text!r}, expected a whole number such as 1 (no cell) "
            "or 2 (cell)."
        ) from None


def _numbers(text: pd.DataFrame, path: Path, unit: str) -> pd.DataFrame:
    """Turn text into finite float64; `unit` is what one line of the file is called."""
    numbers = text.apply(lambda column: column.map(_number)).astype("float64")
    wrong = ~np.isfinite(numbers.to_numpy())
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        value = text.iat[row, column]
        found = "nothing" if pd.isna(value) or value == "" else repr(value)
        more = int(wrong.any(axis=1).sum()) - 1
        raise InputError(
            f"{path}: {unit} {row + 1} has {found} as {AXES[column]}"
            + (f", {more} more {unit}s are like it" if more else "")
            + "; give every cell three numbers, z, y and x in voxels."
        )
    return numbers


def _number(text: str) -> float:
    try:
        return float(text)
    except (TypeError, ValueError):
        return float("nan")
