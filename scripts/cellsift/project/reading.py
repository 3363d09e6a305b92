"""The settings of a run, read from its files and checked against each other.

Reading imports neither torch nor a detector.
"""

from pathlib import Path
from textwrap import shorten

from cellsift.detection import list_detectors
from cellsift.errors import InputError
from cellsift.io.paths import expanded
from cellsift.project.arms import for_voxels, read_arms
from cellsift.project.brains import complete_detection, read_brains
from cellsift.project.drafts import arms_of_draft, with_folds_of_draft
from cellsift.project.models import (
    arms_of_models,
    read_models,
    refuse_known_brains,
    refuse_nothing_to_learn_from,
    with_cuboids_of_models,
    with_detection_of_models,
)
from cellsift.project.pretrainings import pretrainings_of
from cellsift.project.wanted_release import wanted_release
from cellsift.settings.checking import completed
from cellsift.settings.choice import AUTO, CUBOID_SHAPE, SHARE_OF_SOMA
from cellsift.settings.config import Config
from cellsift.settings.draft import DRAFT
from cellsift.settings.files import LONGEST_QUOTE, read_yaml, refuse_too_many_values
from cellsift.settings.project import Project
from cellsift.settings.values import Settings


def read_project(path: str | Path, root: str | Path = ".") -> Project:
    """The project that a config file describes; paths in it are relative to `root`."""
    return load_project(read_yaml(Path(path)), root)


def load_project(content: dict, root: str | Path = ".") -> Project:
    """The project that a config describes; its table is read relative to `root`.

    Raises InputError for a key that is not known, a value that cannot be used, values that contain
    themselves, a table that cannot be read, and for brains and arms that do not fit together.
    """
    refuse_too_many_values(content, "config")
    config = _completed(content)
    arms = read_arms(config.arms, config.training.recipe)
    models = read_models(arms, config)
    config = with_cuboids_of_models(config, content, models)
    config, detection_from = with_detection_of_models(config, content, models)
    brains = read_brains(config, root)
    refuse_nothing_to_learn_from(config, brains, arms)
    refuse_known_brains(models, brains, config.brains_table)
    if config.mode == DRAFT:
        config, arms = with_folds_of_draft(config, brains), arms_of_draft(arms)
    arms = for_voxels(arms_of_models(arms, models), config.cuboid.voxel_size or SHARE_OF_SOMA)
    pretrainings = pretrainings_of(arms.values())
    config = config.model_copy(update={"release": wanted_release(config, arms)})
    return Project(config, brains, arms, pretrainings, models, detection_from)


def _completed(content: dict) -> Config:
    _refuse_unknown_detector(content)
    config = completed(Config, content, "config")
    paths = {key: expanded(getattr(config, key)) for key in ("brains_table", "results")}
    detection = complete_detection(config.detection, "config, detection")
    left_open = _left_open(config, content) if config.searches_detection else {}
    folder = expanded(config.annotation.folder)
    annotation = config.annotation.model_copy(update={"folder": folder})
    known = {"detection": detection, "annotation": annotation}
    return config.model_copy(update={**paths, **left_open, **known})


def _left_open(config: Config, content: dict) -> dict[str, Settings]:
    """What follows the soma that a search for a detector measures, where the config has none."""
    unknown: dict[str, Settings] = {}
    if "voxel_size" not in content.get("cuboid", {}):
        shape = config.cuboid.shape if "cuboid" in content else CUBOID_SHAPE
        unknown["cuboid"] = config.cuboid.model_copy(update={"shape": shape, "voxel_size": None})
    if "matching" not in content:
        unknown["matching"] = config.matching.model_copy(update={"distance_um": None})
    return unknown


def _refuse_unknown_detector(content: object) -> None:
    detection = content.get("detection") if isinstance(content, dict) else None
    if not isinstance(detection, dict) or "method" not in detection:
        return
    method, known = detection["method"], [*list_detectors(), AUTO]
    if method not in known:
        found = "nothing" if method is None else shorten(repr(method), LONGEST_QUOTE)
        raise InputError(
            f"config: detection.method: {found} found; give one of {', '.join(known)} "
            "(The detector.)"
        )
