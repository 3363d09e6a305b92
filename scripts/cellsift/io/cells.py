"""Tables and XML files of cell positions."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal
from xml.etree.ElementTree import Element, ElementTree, ParseError, SubElement, indent

import defusedxml
import numpy as np
import pandas as pd
from defusedxml.ElementTree import parse

from cellsift.errors import InputError
from cellsift.io import cell_counter
from cellsift.io.atomic import atomic_file
from cellsift.io.axes import AXES
from cellsift.io.cells_csv import read_csv
from cellsift.io.cells_yaml import read_yaml_cells
from cellsift.io.paths import hint
from cellsift.io.voxel_size import StatedSize

# BrainGlobe's marker types
NO_CELL_TYPE = 1
CELL_TYPE = 2
TABLES = (".csv", ".tsv")
YAML = (".yml", ".yaml")
OTHER_FILES = {
    ".json": "An export of Label Studio is read with the planes that it is of: name it as cells in "
    "the table of brains",
    ".npy": "Of points of brainmapper, give cell_classification.xml once a person has corrected it",
    ".points": "Points of brainmapper lie in the downsampled brain or the atlas; give positions in "
    "voxels of the signal",
    ".xlsx": "Save the sheet as CSV",
    ".txt": "Rename it to .csv if it is such a table",
}

Kind = Literal["all", "cell", "no_cell"]


@dataclass(frozen=True)
class Positions:
    """Cells of a file: `points` z, y, x (float64, voxels), each position once, row i at index i.

    `repeated` is how many rows gave a position again that was there. `doubts` are sentences on what
    the file leaves open. `of_fiji` tells marks of Fiji's Cell Counter, planes counted from 0 here;
    `stated_size` is that of the image in which they were set, where the file has it.
    """

    points: pd.DataFrame
    repeated: int = 0
    doubts: list[str] = field(default_factory=list)
    of_fiji: bool = False
    stated_size: StatedSize | None = None


def read_points(path: str | Path, kind: Kind = "all") -> pd.DataFrame:
    """Read positions as a table z, y, x (float64, voxels) in the order of the file.

    A position that is listed again is left out: it is one cell. A CSV needs columns z, y and x (or
    napari's axis-0 to axis-2); others are dropped. An XML is one of cellfinder, napari or Fiji's
    Cell Counter (`io.cell_counter`), a YAML one of cellfinder. `kind` matters for an XML or YAML
    that holds markers of type 2 (cell) and of other types as well, and for a CSV with such a column
    type, or is_cell: "cell" keeps type 2, "no_cell" keeps the other types. A file of one type is
    kept whole, as annotators save their cells under either number. Raises InputError, naming the
    file and, where one is to blame, the row.
    """
    return read_positions(path, kind).points.reset_index(drop=True)


def read_candidates(path: str | Path) -> Positions:
    """Positions that a program has proposed, as `read_positions` with kind "all" reads them.

    Programs' own tables are read as well, such as candidates.csv and cells.csv of cellsift, which
    are no annotation.
    """
    return read_positions(path, from_people=False)


def read_positions(path: str | Path, kind: Kind = "all", from_people: bool = True) -> Positions:
    """As `read_points`, with what is doubtful about the file.

    Unless `from_people`, a program's table of positions is not refused.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: there is no such file of cells; correct its path.{hint(path)}")
    if path.suffix.lower() in TABLES:
        text, types = read_csv(path, kind, from_people)
        whole = len(text) == len(types)
        doubts = _doubts_of_type(path, types, kind) if whole else []
        return _once(_numbers(text, path, "row"), doubts)
    if path.suffix.lower() == ".xml":
        return _read_xml(path, kind)
    if path.suffix.lower() in YAML:
        text, numbers = read_yaml_cells(path)
        return _of_brainglobe(path, _numbers(text, path, "cell"), numbers, kind)
    more = OTHER_FILES.get(path.suffix.lower(), "")
    raise InputError(
        f"{path}: cells are read from .csv, .xml or .yml, found {path.suffix or 'no suffix'!r}; "
        "save them as CSV with columns z, y, x." + (f" {more}." if more else "")
    )


def _once(points: pd.DataFrame, doubts: list[str]) -> Positions:
    again = points.duplicated()
    return Positions(points[~again], int(again.sum()), doubts)


def write_cells_xml(cells: pd.DataFrame, path: str | Path, image: str = "placeholder.tif") -> None:
    """Write cells (columns z, y, x in voxels and is_cell) as BrainGlobe XML, whole or not at all.

    Type 2 is a cell, type 1 is none. `image` is named as the image that they lie in; BrainGlobe
    writes its own default there whenever it saves a file. Positions are rounded to the nearest
    voxel, as readers of the format cut fractions off; a table keeps them exactly. Without cells the
    file is valid and `read_points` gives an empty table, but brainglobe-utils raises
    MissingCellsError.
    """
    root = Element("CellCounter_Marker_File")
    SubElement(SubElement(root, "Image_Properties"), "Image_Filename").text = image
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
    with atomic_file(path) as beside:
        ElementTree(root).write(beside, encoding="UTF-8", xml_declaration=True)


def read_markers(path: str | Path) -> tuple[pd.DataFrame, str]:
    """Read all markers of an XML of BrainGlobe in the order of the file, and its image's name.

    Returns a table z, y, x (float64, voxels) and is_cell (type 2; all other types are no cells),
    row i the marker i. A position that is listed again stays. Raises InputError as `read_points`.
    """
    root, points, numbers, _ = _markers(Path(path))
    points["is_cell"] = np.array([number == CELL_TYPE for number in numbers], dtype=bool)
    return points, root.findtext("Image_Properties/Image_Filename") or ""


def _markers(path: Path) -> tuple[Element, pd.DataFrame, list[int], dict[int, str]]:
    """The document, the positions of its markers, the type of each, and the names of types."""
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
    rows, numbers, names = [], [], {}
    for group in markers.findall("Marker_Type"):
        number = _marker_type(group, path)
        names[number] = group.findtext("Name") or ""
        for marker in group.findall("Marker"):
            rows.append([(marker.findtext(f"Marker{axis.upper()}") or "").strip() for axis in AXES])
            numbers.append(number)
    points = _numbers(pd.DataFrame(rows, columns=AXES, dtype=str), path, "marker")
    return root, points, numbers, names


def _read_xml(path: Path, kind: Kind) -> Positions:
    root, points, numbers, names = _markers(path)
    if cell_counter.is_of_fiji(root):
        found = _of_fiji(path, points, numbers, names, kind)
        return replace(found, of_fiji=True, stated_size=cell_counter.stated_size(root))
    return _of_brainglobe(path, points, numbers, kind)


def _of_brainglobe(path: Path, points: pd.DataFrame, numbers: list[int], kind: Kind) -> Positions:
    is_cell = np.array([number == CELL_TYPE for number in numbers], dtype=bool)
    if kind == "all" or is_cell.all() or not is_cell.any():
        return _once(points, _doubts_of_type(path, is_cell, kind))
    return _once(points[is_cell if kind == "cell" else ~is_cell], [])


def _of_fiji(
    path: Path, points: pd.DataFrame, numbers: list[int], names: dict[int, str], kind: Kind
) -> Positions:
    counters = cell_counter.counters_of(numbers, names)
    chosen = cell_counter.choose_counters(path, counters, kind)
    planes = cell_counter.planes_of(path, points["z"].to_numpy())
    # As booleans even where there is no mark, since an empty list would choose columns.
    is_chosen = np.array([number in chosen for number in numbers], dtype=bool)
    points = points.assign(z=planes)[is_chosen]
    kept = [counter for counter in counters if counter.number in chosen]
    return _once(points, cell_counter.doubts(path, kept, points["z"].to_numpy(), kind))


def _doubts_of_type(path: Path, is_cell: np.ndarray, kind: Kind) -> list[str]:
    """What to say of a file whose markers are all of one type."""
    if not len(is_cell) or kind == "all" or is_cell[0] == (kind == "cell"):
        return []
    if kind == "cell":
        return [
            f"{path}: all {len(is_cell)} markers are of a type that BrainGlobe gives to candidates "
            "and artefacts (not 2, cell); they are taken for cells. Make sure that it is not a "
            "list of candidates, such as brainmapper's cells.xml."
        ]
    return [
        f"{path}: all {len(is_cell)} markers are of type {CELL_TYPE}, which BrainGlobe gives to "
        "cells; they are taken for artefacts. Make sure that it is not the file of cells."
    ]


def _marker_type(group: Element, path: Path) -> int:
    text = group.findtext("Type")
    try:
        return int(text or "")
    except ValueError:
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
            f"{path}: {unit} {text.index[row] + 1} has {found} as {AXES[column]}"
            + (f", {more} more {unit}s are like it" if more else "")
            + "; give every cell three numbers, z, y and x in voxels."
        )
    return numbers


def _number(text: str) -> float:
    try:
        return float(text)
    except (TypeError, ValueError):
        return float("nan")
