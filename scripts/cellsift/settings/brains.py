"""The table of brains: its rows read and checked, each with the settings that concern it."""

import copy
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import shorten

from cellsift.errors import InputError
from cellsift.io.paths import expanded, hint
from cellsift.io.text_files import read_text
from cellsift.io.voxel_size import check_voxel_size
from cellsift.settings.files import LONGEST_QUOTE, validated

PATHS = ("signal", "background", "cells", "non_cells")
SETTINGS_OF_A_BRAIN = (
    "cuboid",
    "detection",
    "matching",
    "intensity_range",
    "voxel_size_in_files",
    "jobs_per_brain",
)


@dataclass(frozen=True)
class Brain:
    """A row of the brains table.

    `voxel_size` is in µm (z, y, x). `settings` is the part of the config that concerns a brain
    (`SETTINGS_OF_A_BRAIN`), its own overrides applied.
    """

    name: str
    signal: str
    voxel_size: tuple[float, float, float]
    role: str = "predict"
    background: str | None = None
    cells: str | None = None
    non_cells: str | None = None
    settings: dict = field(default_factory=dict)

    @property
    def annotated(self) -> bool:
        """Whether people have marked cells in this brain."""
        return self.cells is not None

    @property
    def detector(self) -> dict:
        """The detector's method and its parameters, without what happens to its candidates."""
        return {key: value for key, value in self.settings["detection"].items() if key != "keep"}

    @property
    def reading(self) -> dict:
        """How its volumes are to be read: what `io.volumes.open_volume` takes beside a path."""
        return {
            "voxel_size": self.voxel_size,
            "intensity_range": self.settings.get("intensity_range"),
            "voxel_size_in_files": self.settings.get("voxel_size_in_files", "check"),
        }

    def to_dict(self, settings: Iterable[str], annotation: bool) -> dict:
        """The brain's volumes, these of its settings, and its annotation if asked for.

        Plain data, from which `Brain.from_dict` makes a brain.
        """
        parts = ["name", "signal", "background", *(["cells", "non_cells"] if annotation else [])]
        return {part: getattr(self, part) for part in parts} | {
            "voxel_size": list(self.voxel_size),
            "settings": {key: self.settings[key] for key in settings},
        }

    @classmethod
    def from_dict(cls, content: dict, role: str = "predict") -> "Brain":
        """A brain with what `to_dict` was asked for, and this role."""
        return cls(**content | {"voxel_size": tuple(content["voxel_size"]), "role": role})


def read_brains(config: dict, root: str | Path) -> dict[str, Brain]:
    """The brains of a config's table, by name; paths in both are relative to `root`.

    Raises InputError for a table that cannot be read, values that cannot be used, and brains that
    do not fit together.
    """
    table = config["brains_table"]
    brains = _read_brains(Path(root) / table, config)
    _refuse_unlike_channels(table, brains)
    _refuse_shared_signals(table, brains, Path(root))
    return brains


def complete_detection(given: dict, what: str) -> dict:
    """The settings of detection with the method's defaults; `what` names them in a message."""
    from cellsift.detection import check_parameters

    common = {key: given[key] for key in ("method", "keep")}
    own = {key: value for key, value in given.items() if key not in common}
    try:
        return common | check_parameters(common["method"], **own)
    except InputError as error:
        raise InputError(f"{what}: {error}") from error


def _read_brains(path: Path, config: dict) -> dict[str, Brain]:
    brains: dict[str, Brain] = {}
    for where, row in _rows(path):
        brain = _brain(validated(row, "brains.schema.yaml", where), config, where)
        if brain.name in brains:
            raise InputError(
                f"{where}: {brain.name!r} is there twice; give each brain a name of its own"
            )
        brains[brain.name] = brain
    if not brains:
        raise InputError(f"{path}: the table has no brain; add one row for each")
    for name in config["brains"]:
        if name not in brains:
            raise InputError(
                f"config, brains: {name!r} is not in {path}; its brains are {', '.join(brains)}"
            )
    return brains


def _brain(row: dict, config: dict, where: str) -> Brain:
    name = row["brain"]
    voxel_size = (row["voxel_z"], row["voxel_y"], row["voxel_x"])
    check_voxel_size(voxel_size, where)
    _refuse_thin_cuboids(config["cuboid"], voxel_size, where)
    if row["non_cells"] and not row["cells"]:
        raise InputError(
            f"{where}: there are non_cells but no cells; give its annotated cells too, or leave "
            "non_cells empty"
        )
    paths = {key: row[key] and expanded(row[key]) for key in PATHS}
    settings = _settings(config, name)
    return Brain(name, voxel_size=voxel_size, role=row["role"], settings=settings, **paths)


def _refuse_unlike_channels(table: str, brains: dict[str, Brain]) -> None:
    """Refuse brains of one channel beside brains of two: a network takes one number of channels."""
    one = next((name for name, brain in brains.items() if brain.background is None), None)
    two = next((name for name, brain in brains.items() if brain.background is not None), None)
    if one is not None and two is not None:
        raise InputError(
            f"{table}: brain {two!r} has a background, brain {one!r} has none, but all brains of a "
            f"run need the same channels; give {one!r} its background, or leave the column "
            "background empty for every brain"
        )


def _refuse_shared_signals(table: str, brains: dict[str, Brain], root: Path) -> None:
    """Refuse a volume that stands for two brains: a locked test brain could be learnt from.

    Brains of role predict do no harm: nothing is learnt from them or measured on them.
    """
    owners: dict[str, str] = {}
    for name, brain in brains.items():
        if brain.role == "predict":
            continue
        owner = owners.setdefault(whereabouts(brain.signal, root), name)
        if owner != name:
            raise InputError(
                f"{table}: brains {owner!r} and {name!r} have the same signal {brain.signal}; give "
                "each brain a volume of its own, or remove one of the two rows"
            )


def whereabouts(volume: str, root: Path) -> str:
    """The same text for paths that lead to the same place."""
    if "://" in volume:
        return volume.rstrip("/")
    try:
        return str((root / volume).resolve())
    # Such as a name too long for the disk, which preflight refuses with the brain's name.
    except (OSError, ValueError, RuntimeError):
        return volume


def _refuse_thin_cuboids(cuboid: dict, voxel_size: tuple[float, float, float], where: str) -> None:
    from cellsift.cuboids.resampling import data_size

    try:
        data_size(cuboid["shape"], cuboid["voxel_size"], voxel_size)
    except InputError as error:
        raise InputError(f"{where}: {error}") from error


def _settings(config: dict, brain: str) -> dict:
    own = config["brains"].get(brain, {})
    settings = {key: copy.deepcopy(config[key]) for key in SETTINGS_OF_A_BRAIN}
    for key, value in own.items():
        settings[key] = settings[key] | value if isinstance(value, dict) else value
    settings["detection"] = complete_detection(settings["detection"], f"config, brains, {brain}")
    return settings


def _rows(path: Path) -> Iterator[tuple[str, dict]]:
    """The rows of the table, each with where it is, for messages: file, line and brain."""
    (_, header), *lines = _table_lines(path)
    columns = [column.strip() for column in header]
    if len(set(columns)) < len(columns):
        double = sorted({column for column in columns if columns.count(column) > 1})
        raise InputError(f"{path}: column {', '.join(double)} is there twice; keep one")
    for number, values in lines:
        where = _place(path, number, columns, values)
        pairs = zip(columns, values, strict=True)
        yield where, {column: _cell(column, value, where) for column, value in pairs}


def _place(path: Path, number: int, columns: list[str], values: list[str]) -> str:
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
                f"{_place(path, number, columns, values)}: {len(values)} tab-separated columns "
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
            found = shorten(repr(value), LONGEST_QUOTE) if value else "nothing"
            raise InputError(
                f"{where}: {column} is {found}; give the voxel size in µm as a number"
                + (" with a decimal point" if "," in value else "")
            ) from error
    return value or None
