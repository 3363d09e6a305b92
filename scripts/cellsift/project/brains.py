"""The brains of a run: the rows of their table, each with its settings, and whether they fit."""

import copy
import os
from pathlib import Path
from typing import cast

from cellsift.cuboids.resampling import data_size
from cellsift.detection import check_parameters, detector_parameters, list_detectors
from cellsift.errors import InputError
from cellsift.io.brainmapper import candidates_in
from cellsift.io.paths import expanded
from cellsift.io.voxel_size import check_voxel_size
from cellsift.settings.brains import (
    FILE_COLUMNS,
    SETTINGS_OF_A_BRAIN,
    Brain,
    SettingsOfABrain,
    annotators_apart_um,
    resolved_path,
)
from cellsift.settings.brains_table import ROLES, Row, read_rows
from cellsift.settings.choice import (
    AUTO,
    SEARCH_PARAMETERS,
    WISHED_CANDIDATES,
    WISHED_RECALL,
)
from cellsift.settings.config import Config, Cuboid, Detection, Keep
from cellsift.settings.nearest import or_nearest, refuse_misspelt
from cellsift.settings.parameters import complete


def read_brains(config: Config, root: str | Path) -> dict[str, Brain]:
    """The brains of a config's table, by name; paths in both are relative to `root`.

    Raises InputError for a table that cannot be read, values that cannot be used, and brains that
    do not fit together.
    """
    table = config.brains_table
    brains = _read_brains(Path(root), config)
    _refuse_unlike_channels(table, brains)
    _refuse_shared_signals(table, brains, Path(root))
    return brains


def complete_detection(given: Detection, what: str) -> Detection:
    """The settings of detection with the method's defaults; `what` names them in a message."""
    try:
        _refuse_unknown_parameters(given)
        if given.method == AUTO:
            return _complete_search(given)
        return given.with_parameters(check_parameters(given.method, **given.parameters))
    except InputError as error:
        raise InputError(f"{what}: {error}") from error


def _refuse_unknown_parameters(given: Detection) -> None:
    """Refuse a parameter of another method, as where only the method was changed, or misspelt."""
    for name in sorted(set(given.parameters) - set(_parameters(given.method))):
        methods = [method for method in [*list_detectors(), AUTO] if name in _parameters(method)]
        if methods:
            raise InputError(
                f"detector {given.method!r} has no parameter {name!r}, which is one of "
                f"{' and '.join(methods)}; remove it, or set method: {methods[0]}"
            )
    said = f"detector {given.method!r} has no parameter"
    refuse_misspelt(given.parameters, _parameters(given.method), said)


def _parameters(method: str) -> list[str]:
    """The names of what a method, or a search for one, can be told."""
    return list(SEARCH_PARAMETERS if method == AUTO else detector_parameters(method))


def _complete_search(given: Detection) -> Detection:
    """The settings of a search, which always keeps what its wish asks for."""
    wish = given.keep or Keep(recall=WISHED_RECALL)
    if wish.contrast is not None:
        raise InputError(
            f"with method {AUTO} the contrast is chosen, too: give keep a recall in its place"
        )
    per_cell = WISHED_CANDIDATES if wish.candidates_per_cell is None else wish.candidates_per_cell
    keep = Keep(recall=wish.recall, candidates_per_cell=per_cell, carry=True)
    parameters = complete(AUTO, SEARCH_PARAMETERS, given.parameters)
    return given.model_copy(update={"keep": keep}).with_parameters(parameters)


def _read_brains(root: Path, config: Config) -> dict[str, Brain]:
    path = root / config.brains_table
    brains: dict[str, Brain] = {}
    plain = config.to_dict()
    shared = {key: plain[key] for key in SETTINGS_OF_A_BRAIN}
    for where, row in read_rows(path):
        brain = _brain(row, config, shared, where, root)
        if brain.name in brains:
            raise InputError(
                f"{where}: {brain.name!r} is there twice; give each brain a name of its own"
            )
        brains[brain.name] = brain
    if not brains:
        raise InputError(f"{path}: the table has no brain; add one row for each")
    for name in config.brains:
        if name not in brains:
            raise InputError(
                f"config, brains: {name!r} is not in {path}"
                + or_nearest([name], brains, f"its brains are {', '.join(brains)}")
            )
    known = [*ROLES, *brains]
    for name in config.counts.corrected:
        if name not in known:
            raise InputError(
                f"config, counts: corrected: {name!r} is neither a role nor a brain of {path}"
                + or_nearest([name], known, f"give some of {', '.join(known)}")
            )
    return brains


def _brain(row: Row, config: Config, shared: dict, where: str, root: Path) -> Brain:
    voxel_size = (row.voxel_z, row.voxel_y, row.voxel_x)
    check_voxel_size(voxel_size, where)
    _refuse_thin_cuboids(config.cuboid, voxel_size, where)
    if row.non_cells and not row.cells:
        raise InputError(
            f"{where}: there are non_cells but no cells; give its annotated cells too, or leave "
            "non_cells empty"
        )
    if row.region_names and not row.regions:
        raise InputError(
            f"{where}: there are region_names but no regions; give the image of regions too, or "
            "leave region_names empty"
        )
    given = {key: getattr(row, key) for key in FILE_COLUMNS}
    paths = {key: path and expanded(path) for key, path in given.items()}
    paths["candidates"] = _file_of_candidates(paths["candidates"], root, where)
    settings = cast(SettingsOfABrain, _settings(config, shared, row.brain))
    return Brain(row.brain, voxel_size=voxel_size, role=row.role, settings=settings, **paths)


def _file_of_candidates(path: str | None, root: Path, where: str) -> str | None:
    """The file of candidates that is meant by a folder of brainmapper's; other paths as they are.

    Rules watch the file, not the folder.
    """
    if path is None or not os.path.isdir(root / path):
        return path
    try:
        return str(Path(path, candidates_in(root / path).relative_to(root / path)))
    except InputError as error:
        raise InputError(f"{where}, candidates: {error}") from error


def _settings(config: Config, shared: dict, brain: str) -> dict:
    settings = _own_settings(config, shared, brain)
    # A job that reads marks may have no settings of matching.
    settings["annotators"]["distance_um"] = annotators_apart_um(cast(SettingsOfABrain, settings))
    return settings


def _own_settings(config: Config, shared: dict, brain: str) -> dict:
    settings = copy.deepcopy(shared)
    if brain not in config.brains:
        return settings
    own = config.brains[brain].to_dict()
    for key, value in own.items():
        settings[key] = settings[key] | value if isinstance(value, dict) else value
    if "detection" in own and config.detection.method == AUTO:
        raise InputError(
            f"config, brains, {brain}, detection: with method {AUTO} the detector is the same for "
            "all brains; remove it here, or name a method under detection"
        )
    if "detection" in own:
        changed = Detection.model_validate(settings["detection"])
        whole = complete_detection(changed, f"config, brains, {brain}")
        settings["detection"] = whole.to_dict()
    return settings


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
        owner = owners.setdefault(resolved_path(brain.signal, root), name)
        if owner != name:
            raise InputError(
                f"{table}: brains {owner!r} and {name!r} have the same signal {brain.signal}; give "
                "each brain a volume of its own, or remove one of the two rows"
            )


def _refuse_thin_cuboids(
    cuboid: Cuboid, voxel_size: tuple[float, float, float], where: str
) -> None:
    if cuboid.voxel_size is None:
        # It will follow the soma, and be several of them wide.
        return
    try:
        # As they are written, for the message.
        data_size(list(cuboid.shape), list(cuboid.voxel_size), voxel_size)
    except InputError as error:
        raise InputError(f"{where}: {error}") from error
