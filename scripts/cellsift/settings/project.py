"""All that a run was told: the config file, completed, with its brains and arms."""

from dataclasses import dataclass, field
from pathlib import Path
from textwrap import shorten

from cellsift.errors import InputError
from cellsift.io.paths import expanded
from cellsift.settings.arms import Arm, read_arms
from cellsift.settings.brains import Brain, complete_detection, read_brains
from cellsift.settings.files import LONGEST_QUOTE, read_yaml, refuse_bomb, validated
from cellsift.settings.pretraining import Pretraining, pretrainings_of


@dataclass(frozen=True)
class Project:
    """All that a run was told: the completed config, the brains and the arms, by name.

    `pretrainings` are those that arms start from, by name.
    """

    config: dict
    brains: dict[str, Brain]
    arms: dict[str, Arm]
    pretrainings: dict[str, Pretraining] = field(default_factory=dict)

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

    Raises InputError for a key that is not known, a value that cannot be used, values that contain
    themselves, a table that cannot be read, and for brains and arms that do not fit together.
    """
    refuse_bomb(config, "config")
    config = validated(config, "config.schema.yaml", "config")
    for key in ("brains_table", "results"):
        config[key] = expanded(config[key])
    config["training"] = _training(config["training"])
    _refuse_unknown_detector(config["detection"]["method"])
    config["detection"] = complete_detection(config["detection"], "config, detection")
    brains = read_brains(config, root)
    arms = read_arms(config["arms"], config["training"], config["cuboid"]["voxel_size"])
    if not any(brain.role == "train" and brain.annotated for brain in brains.values()):
        raise InputError(
            f"{config['brains_table']}: no brain of role train has annotated cells, so nothing "
            "can be learnt; give at least one train brain a file in its column cells"
        )
    return Project(config, brains, arms, pretrainings_of(arms.values()))


def _refuse_unknown_detector(method: object) -> None:
    from cellsift.detection import list_detectors

    if method not in (known := list_detectors()):
        found = "nothing" if method is None else shorten(repr(method), LONGEST_QUOTE)
        raise InputError(
            f"config: detection.method: {found} found; give one of {', '.join(known)} "
            "(The detector.)"
        )


def _training(given: dict) -> dict:
    from cellsift.settings.recipe import complete_recipe

    folds = {key: given[key] for key in ("folds", "group_by")}
    recipe = complete_recipe({key: value for key, value in given.items() if key not in folds})
    return folds | recipe
