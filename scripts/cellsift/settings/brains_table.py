"""The table of brains: its rows read and checked, one by one."""

from collections.abc import Iterator
from pathlib import Path
from textwrap import shorten
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, StringConstraints

from cellsift.errors import InputError
from cellsift.io.paths import hint
from cellsift.io.text_files import read_text
from cellsift.settings.checking import completed
from cellsift.settings.files import LONGEST_QUOTE
from cellsift.settings.values import Name, Settings

Role = Literal["train", "test", "predict"]
ROLES = get_args(Role)
WHAT_FILES_SAY = (
    "What the volume itself says of it is told by .venv/bin/python -m cellsift.training.detection "
    "VOLUME"
)


class Row(Settings):
    """A row of the brains table, its columns in whatever order."""

    brain: Annotated[Name, StringConstraints(max_length=100)] = Field(
        description="Name of the brain; letters, digits, dot, dash and underscore."
    )
    role: Role = Field(
        description="train (fitting, folds, calibration, thresholds), test (locked), predict (only "
        "classified)."
    )
    signal: str = Field(
        min_length=1,
        description="Folder of TIFF planes, TIFF stack, text file listing planes, or OME-Zarr.",
    )
    background: str | None = Field(
        None, description="The same for the autofluorescence channel; may be empty."
    )
    voxel_z: float = Field(description="Voxel size along z in µm.")
    voxel_y: float = Field(description="Voxel size along y in µm.")
    voxel_x: float = Field(description="Voxel size along x in µm.")
    cells: str | None = Field(
        None,
        description="Annotated cells, CSV with columns z, y, x in voxels, cellfinder XML or Label "
        "Studio's JSON, or NAME..*.csv for the files of several annotators; may be empty.",
    )
    non_cells: str | None = Field(
        None,
        description="Annotated artefacts; given, only what was annotated is used; may be empty.",
    )
    regions: str | None = Field(
        None,
        description="An image of whole numbers (TIFF or OME-Zarr), one for each region and 0 "
        "outside, that lies as the signal does, with larger voxels perhaps: cells are counted by "
        "region; may be empty.",
    )
    region_names: str | None = Field(
        None,
        description="The regions' names: CSV with columns id and name, such as an atlas's "
        "structures.csv; may be empty.",
    )
    candidates: str | None = Field(
        None,
        description="Candidates of another program, which are taken in the place of a detection: "
        "brainmapper's folder, or its XML or YAML, or a CSV with columns z, y, x in voxels; may be "
        "empty.",
    )


def read_rows(path: Path) -> Iterator[tuple[str, Row]]:
    """The rows of the table, each with where it is, for messages: file, line and brain.

    Raises InputError for a table that cannot be read, and for a row with a value that cannot be
    used, an unknown column or a column too few.
    """
    for where, row in _rows(path):
        yield where, completed(Row, row, where)


def _rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The rows of the table, each with where it is, for messages: file, line and brain."""
    (_, header), *lines = _table_lines(path)
    columns = [column.strip() for column in header]
    if len(set(columns)) < len(columns):
        double = sorted({column for column in columns if columns.count(column) > 1})
        raise InputError(f"{path}: column {', '.join(double)} is there twice; keep one")
    for number, values in lines:
        where = _where(path, number, columns, values)
        pairs = zip(columns, values, strict=True)
        yield where, {column: _cell(column, value, where) for column, value in pairs}


def _where(path: Path, number: int, columns: list[str], values: list[str]) -> str:
    name = dict(zip(columns, values, strict=False)).get("brain", "")
    named = f", brain {shorten(repr(name), LONGEST_QUOTE)}" if name else ""
    return f"{path}, line {number}{named}"


def _table_lines(path: Path) -> list[tuple[int, list[str]]]:
    """The number of each line of the table and its values; the first line names the columns."""
    try:
        text = read_text(path, "tab-separated text")
    except FileNotFoundError as error:
        raise InputError(
            f"{path}: there is no such table; correct brains_table in the config.{hint(path)}"
        ) from error
    except OSError as error:
        raise InputError(f"{path}: not readable as a text table ({error})") from error
    lines = [
        (number, [_bare(value) for value in line.split("\t")])
        for number, line in enumerate(text.split("\n"), start=1)
        if line.strip() and not line.lstrip('"').startswith("#")
    ]
    # Spreadsheets write tabs for columns and rows that were emptied.
    lines = [(number, values) for number, values in lines if any(values)]
    if not lines:
        raise InputError(f"{path}: the table is empty; it needs a line of column names")
    columns = _without_empty_end(lines[0][1], 1)
    if len(columns) == 1:
        raise InputError(
            f"{path}, line {lines[0][0]}: 1 tab-separated column found, more than one expected; "
            f"separate columns by single tabs, not by {_separators_in(columns[0])}"
        )
    cut = [(number, _without_empty_end(values, len(columns))) for number, values in lines]
    for number, values in cut:
        if len(values) != len(columns):
            raise InputError(
                f"{_where(path, number, columns, values)}: {len(values)} tab-separated columns "
                f"found, {len(columns)} expected; separate columns by single tabs, not by spaces"
            )
    return cut


def _bare(value: str) -> str:
    """A value without space around it, visible or not, and without a spreadsheet's quotes."""
    value = value.strip().strip("\ufeff\u200b\u200e\u200f\u202a\u202c").strip()
    if len(value) > 1 and value[0] == value[-1] == '"':
        value = value[1:-1].replace('""', '"').strip()
    return value


def _without_empty_end(values: list[str], least: int) -> list[str]:
    """The values without empty ones at the end, as many as `least` at least."""
    count = len(values)
    while count > least and not values[count - 1]:
        count -= 1
    return values[:count]


def _separators_in(header: str) -> str:
    if ";" in header:
        return 'semicolons (of a spreadsheet, save it as "Text (Tab delimited)")'
    if "," in header:
        return 'commas (of a spreadsheet, save it as "Text (Tab delimited)")'
    return "spaces"


def _cell(column: str, value: str, where: str) -> str | float | None:
    if column.startswith("voxel_"):
        try:
            return float(value)
        except ValueError as error:
            found = shorten(repr(value), LONGEST_QUOTE) if value else "empty"
            raise InputError(
                f"{where}: {column} is {found}; give the voxel size in µm as a number"
                + (" with a decimal point" if "," in value else "")
                + ("" if value else f". {WHAT_FILES_SAY}")
            ) from error
    return value or None
