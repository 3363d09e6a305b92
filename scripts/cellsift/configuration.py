"""The user's config file, table of brains and arms: read, checked, and completed with defaults."""

import copy
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING

import jsonschema
import yaml

from cellsift.errors import InputError

if TYPE_CHECKING:
    from cellsift.pretraining_settings import Pretraining

REPOSITORY = Path(__file__).resolve().parents[2]
SCHEMAS = REPOSITORY / "workflow" / "schemas"
MODELS = REPOSITORY / "config" / "models"
# Characters of what was found that a message repeats.
LONGEST_QUOTE = 500
# Values in a file of settings, which has some hundred.
MOST_VALUES = 100_000
# The architecture of arms that are made of other arms.
ENSEMBLE = "ensemble"
SETTINGS_OF_A_BRAIN = ("cuboid", "detection", "matching", "intensity_range", "jobs_per_brain")


@dataclass(frozen=True)
class Brain:
    """A row of the brains table.

    `voxel_size` is in µm (z, y, x). `settings` is the part of the config that concerns a brain
    (cuboid, detection, matching, intensity_range, jobs_per_brain), its own overrides applied.
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
    def from_dict(cls, content: dict) -> "Brain":
        """A brain with what `to_dict` was asked for; its role is left at predict."""
        return cls(**content | {"voxel_size": tuple(content["voxel_size"])})


@dataclass(frozen=True)
class Arm:
    """One classifier of the comparison: an architecture, its options and its training recipe.

    An ensemble is not trained: its recipe is empty.
    """

    name: str
    architecture: str
    options: dict
    recipe: dict
    description: str = ""

    @property
    def members(self) -> list[str]:
        """Names of the arms that an ensemble is made of; none for an arm that is trained."""
        return list(self.options["members"]) if self.architecture == ENSEMBLE else []


@dataclass(frozen=True)
class Project:
    """All that a run was told: the completed config, the brains and the arms, by name.

    `pretrainings` are those that arms start from, by name.
    """

    config: dict
    brains: dict[str, Brain]
    arms: dict[str, Arm]
    pretrainings: dict[str, "Pretraining"] = field(default_factory=dict)

    def brains_of(self, *roles: str, annotated: bool | None = None) -> list[str]:
        """Names of the brains of these roles, and only annotated (or unannotated) ones if said."""
        return [
            name
            for name, brain in self.brains.items()
            if brain.role in roles and annotated in (None, brain.annotated)
        ]


def read_project(path: str | Path, root: str | Path = ".") -> Project:
    """The project that a config file describes; paths in it are relative to `root`."""
    return load_project(read_yaml(Path(path)), root)


def load_project(config: dict, root: str | Path = ".") -> Project:
    """The project that a config describes; its table is read relative to `root`.

    Raises InputError for a key that is not known, a value that cannot be used, a table that
    cannot be read, and for brains and arms that do not fit together.
    """
    from cellsift.pretraining_settings import pretrainings_of

    config = validated(config, "config.schema.yaml", "config")
    config["training"] = _training(config["training"])
    config["detection"] = _detection(config["detection"], "config, detection")
    brains = _read_brains(Path(root) / config["brains_table"], config)
    _refuse_unlike_channels(config["brains_table"], brains)
    _refuse_shared_signals(config["brains_table"], brains, Path(root))
    arms = {name: _read_arm(name, config["training"]) for name in config["arms"]}
    _refuse_other_members(arms)
    _refuse_missing_teachers(arms)
    if not any(brain.role == "train" and brain.annotated for brain in brains.values()):
        raise InputError(
            f"{config['brains_table']}: no brain of role train has annotated cells, so nothing "
            "can be learnt; give at least one train brain a file in its column cells"
        )
    return Project(config, brains, arms, pretrainings_of(arms.values()))


def validated(content: object, schema: str, what: str) -> dict:
    """A copy of `content`, checked against a schema of workflow/schemas, defaults filled in.

    `what` names the content in the message. Raises InputError with the first problem.
    """
    rules = _schema(schema)
    content = copy.deepcopy(content)
    _refuse_other_keys(content, what)
    _fill_defaults(content, rules)
    problems = list(_validator(rules).iter_errors(content))
    if problems:
        raise InputError(f"{what}: {_explain(jsonschema.exceptions.best_match(problems))}")
    return content


def _refuse_other_keys(content: object, what: str) -> None:
    """Refuse keys that are not text, such as 1 or true, which YAML allows."""
    if isinstance(content, dict):
        for key, value in content.items():
            if not isinstance(key, str):
                raise InputError(
                    f"{what}: the key {shorten(repr(key), LONGEST_QUOTE)} is not text; remove it "
                    "or correct its name"
                )
            _refuse_other_keys(value, f"{what}, {shorten(key, LONGEST_QUOTE)}")
    elif isinstance(content, list):
        for value in content:
            _refuse_other_keys(value, what)


@cache
def _schema(name: str) -> dict:
    return read_yaml(SCHEMAS / name)


def _validator(rules: dict) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(rules)


def _fill_defaults(content: object, rules: dict) -> None:
    if not isinstance(content, dict):
        return
    for key, rule in rules.get("properties", {}).items():
        if isinstance(rule, dict):
            if "default" in rule:
                content.setdefault(key, copy.deepcopy(rule["default"]))
            if key in content:
                _fill_defaults(content[key], rule)


def _explain(problem: jsonschema.ValidationError) -> str:
    where = ".".join(str(part) for part in problem.absolute_path)
    prefix = f"{where}: " if where else ""
    if problem.validator == "additionalProperties" and isinstance(problem.schema, dict):
        known = sorted(problem.schema.get("properties", {}))
        unknown = ", ".join(sorted(repr(key) for key in problem.instance if key not in known))
        return (
            f"{prefix}unknown key {shorten(unknown, LONGEST_QUOTE)}; remove it or correct its "
            f"name (known here: {', '.join(known)})"
        )
    if problem.validator == "required":
        missing = sorted(set(problem.validator_value) - set(problem.instance))
        return f"{prefix}{', '.join(map(repr, missing))} is missing; add it"
    if problem.validator == "enum":
        found = "nothing" if problem.instance is None else repr(problem.instance)
        known = ", ".join(map(str, problem.validator_value))
        said = f"{shorten(found, LONGEST_QUOTE)} found; give one of {known}"
    elif problem.instance is None:
        said = "nothing found; fill it in"
    else:
        said = f"{shorten(problem.message, LONGEST_QUOTE)}; correct it"
    hint = problem.schema.get("description", "") if isinstance(problem.schema, dict) else ""
    return prefix + said + (f" ({hint})" if hint else "")


def read_yaml(path: Path) -> dict:
    """The mapping in a YAML file; InputError for anything else."""
    try:
        content = yaml.safe_load(path.read_text())
    except FileNotFoundError as error:
        raise InputError(f"{path}: there is no such file; correct the path") from error
    # For values that contradict their type PyYAML lets through what Python raises.
    except (
        yaml.YAMLError,
        OSError,
        ValueError,
        LookupError,
        AttributeError,
        RecursionError,
    ) as error:
        raise InputError(f"{path}: not readable as YAML ({error}); correct the file") from error
    if not isinstance(content, dict):
        raise InputError(f"{path}: expected keys with values, found {type(content).__name__}")
    _refuse_bomb(content, path)
    return content


def _refuse_bomb(content: dict, path: Path) -> None:
    """Refuse aliases (*name) that refer to themselves, or to each other until they fill memory."""
    left, count = [content], 0
    while left:
        count += 1
        if count > MOST_VALUES:
            raise InputError(
                f"{path}: its aliases (*name) stand for more than {MOST_VALUES} values; write them "
                "out"
            )
        value = left.pop()
        if isinstance(value, dict):
            left.extend(value.values())
        elif isinstance(value, list):
            left.extend(value)


def _training(given: dict) -> dict:
    from cellsift.training.recipe import complete_recipe

    folds = {key: given[key] for key in ("folds", "group_by")}
    recipe = complete_recipe({key: value for key, value in given.items() if key not in folds})
    return folds | recipe


def _detection(given: dict, what: str) -> dict:
    from cellsift.detection import check_parameters

    common = {key: given[key] for key in ("method", "keep")}
    own = {key: value for key, value in given.items() if key not in common}
    try:
        return common | check_parameters(common["method"], **own)
    except InputError as error:
        raise InputError(f"{what}: {error}") from error


def read_arm(name: str) -> Arm:
    """The arm of a name, with the default recipe where its file says nothing else.

    Raises InputError for a file that is missing or cannot be used.
    """
    return _read_arm(name, {})


def _read_arm(name: str, training: dict) -> Arm:
    from cellsift.models import architecture_file
    from cellsift.training.recipe import complete_recipe

    path = MODELS / f"{name}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in MODELS.glob("*.yaml")))
        raise InputError(
            f"config, arms: there is no arm {name!r}, as {path} does not exist; write that file or "
            f"name one of {known}"
        )
    content = validated(read_yaml(path), "arm.schema.yaml", str(path))
    if content["architecture"] == ENSEMBLE:
        return _ensemble_arm(name, content, path)
    shared = {key: value for key, value in training.items() if key not in ("folds", "group_by")}
    try:
        architecture_file(content["architecture"])
        recipe = complete_recipe(shared | content["training"])
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    return Arm(name, content["architecture"], content["options"], recipe, content["description"])


def _refuse_missing_teachers(arms: dict[str, Arm]) -> None:
    for arm in arms.values():
        teacher = arm.recipe.get("teacher")
        if teacher and teacher not in arms:
            raise InputError(
                f"{MODELS / arm.name}.yaml: its teacher {teacher!r} is not among the arms of the "
                f"config ({', '.join(arms)}); list it there too, or name one of them"
            )
        if teacher and arms[teacher].members:
            raise InputError(
                f"{MODELS / arm.name}.yaml: its teacher {teacher!r} is an ensemble, which has no "
                "network of its own; name one of its members"
            )
        if teacher and arms[teacher].recipe["teacher"]:
            raise InputError(
                f"{MODELS / arm.name}.yaml: its teacher {teacher!r} has a teacher itself; name an "
                "arm that learns from the labels alone"
            )


def _ensemble_arm(name: str, content: dict, path: Path) -> Arm:
    if content["training"]:
        raise InputError(
            f"{path}: an ensemble is not trained, but there are keys under training "
            f"({', '.join(content['training'])}); remove them, or write them for its members"
        )
    options = validated(content["options"], "ensemble.schema.yaml", f"{path}, options")
    return Arm(name, ENSEMBLE, options, {}, content["description"])


def _refuse_other_members(arms: dict[str, Arm]) -> None:
    """Refuse ensembles of what is not an arm of this config, or is itself an ensemble."""
    for arm in arms.values():
        for member in arm.members:
            where = f"{MODELS / arm.name}.yaml, options: the member {shorten(repr(member), 100)}"
            if member not in arms:
                raise InputError(
                    f"{where} is not among the arms of the config; add it to arms there, or take "
                    "it out of members"
                )
            if arms[member].members:
                raise InputError(
                    f"{where} is an ensemble itself; name the arms that it is made of instead"
                )


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
    from cellsift.io.volumes import check_voxel_size

    name = row["brain"]
    voxel_size = (row["voxel_z"], row["voxel_y"], row["voxel_x"])
    check_voxel_size(voxel_size, where)
    if row["non_cells"] and not row["cells"]:
        raise InputError(
            f"{where}: there are non_cells but no cells; give its annotated cells too, or leave "
            "non_cells empty"
        )
    paths = {key: row[key] for key in ("signal", "background", "cells", "non_cells")}
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
        owner = owners.setdefault(_whereabouts(brain.signal, root), name)
        if owner != name:
            raise InputError(
                f"{table}: brains {owner!r} and {name!r} have the same signal {brain.signal}; give "
                "each brain a volume of its own, or remove one of the two rows"
            )


def _whereabouts(volume: str, root: Path) -> str:
    """The same text for paths that lead to the same place."""
    if "://" in volume:
        return volume.rstrip("/")
    try:
        return str((root / volume).resolve())
    # Such as a name too long for the disk, which preflight refuses with the brain's name.
    except (OSError, ValueError, RuntimeError):
        return volume


def _settings(config: dict, brain: str) -> dict:
    own = config["brains"].get(brain, {})
    settings = {key: copy.deepcopy(config[key]) for key in SETTINGS_OF_A_BRAIN}
    for key, value in own.items():
        settings[key] = settings[key] | value if isinstance(value, dict) else value
    settings["detection"] = _detection(settings["detection"], f"config, brains, {brain}")
    return settings


def _rows(path: Path) -> Iterator[tuple[str, dict]]:
    """The rows of the table, each with where it is, for messages: file, line and brain."""
    (_, header), *lines = _table_lines(path)
    columns = [column.strip() for column in header.split("\t")]
    if len(set(columns)) < len(columns):
        double = sorted({column for column in columns if columns.count(column) > 1})
        raise InputError(f"{path}: column {', '.join(double)} is there twice; keep one")
    for number, line in lines:
        where = _place(path, number, columns, line)
        values = zip(columns, line.split("\t"), strict=True)
        yield where, {column: _cell(column, value.strip(), where) for column, value in values}


def _place(path: Path, number: int, columns: list[str], line: str) -> str:
    cells = dict(zip(columns, line.split("\t"), strict=False))
    name = cells.get("brain", "").strip()
    named = f", brain {shorten(repr(name), LONGEST_QUOTE)}" if name else ""
    return f"{path}, line {number}{named}"


def _table_lines(path: Path) -> list[tuple[int, str]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise InputError(
            f"{path}: there is no such table; correct brains_table in the config"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not readable as a text table ({error})") from error
    lines = [
        (number, line)
        for number, line in enumerate(text.split("\n"), start=1)
        if line.strip() and not line.startswith("#")
    ]
    if not lines:
        raise InputError(f"{path}: the table is empty; it needs a line of column names")
    columns = [column.strip() for column in lines[0][1].split("\t")]
    if len(columns) == 1:
        raise InputError(
            f"{path}, line {lines[0][0]}: 1 tab-separated column found, more than one expected; "
            "separate columns by single tabs, not by spaces"
        )
    for number, line in lines:
        found = line.count("\t") + 1
        if found != len(columns):
            raise InputError(
                f"{_place(path, number, columns, line)}: {found} tab-separated columns found, "
                f"{len(columns)} expected; separate columns by single tabs, not by spaces"
            )
    return lines


def _cell(column: str, value: str, where: str) -> str | float | None:
    if column.startswith("voxel_"):
        try:
            return float(value)
        except ValueError as error:
            found = shorten(repr(value), LONGEST_QUOTE) if value else "nothing"
            raise InputError(
                f"{where}: {column} is {found}; give the voxel size in µm as a number"
            ) from error
    return value or None
