"""The arms of a comparison as the user describes them: config/arms/NAME.yaml, read and checked.

Reading does not import torch.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from textwrap import shorten

from cellsift.errors import InputError
from cellsift.io.paths import expanded
from cellsift.settings.files import REPOSITORY, read_yaml, validated

ARMS = REPOSITORY / "config" / "arms"
# The architecture of arms that are made of other arms.
ENSEMBLE = "ensemble"
# The architecture that measures shapes, and its option for the depth of voxels over their width.
FEATURES, Z_STEP = "features", "z_step"


@dataclass(frozen=True)
class Arm:
    """One classifier of the comparison: an architecture, its options and its training recipe.

    An ensemble is not trained: its recipe is empty. `search` says among which recipes a better one
    is looked for (`training.search.space`); empty: none is.
    """

    name: str
    architecture: str
    options: dict
    recipe: dict
    description: str = ""
    search: dict = field(default_factory=dict)

    @property
    def members(self) -> list[str]:
        """Names of the arms that an ensemble is made of; none for an arm that is trained."""
        return list(self.options["members"]) if self.architecture == ENSEMBLE else []


def read_arms(names: Iterable[str], training: dict, voxel_size: Sequence[float]) -> dict[str, Arm]:
    """The arms of these names; `training` is the config's part of that name, completed.

    The voxel size of the cuboids (z, y, x) is for what measures shapes, where its file does not
    say how deep voxels are.

    Raises InputError for files that are missing or cannot be used, and for arms that do not fit
    together.
    """
    arms = {name: _for_voxels(_read_arm(name, training), voxel_size) for name in names}
    _refuse_other_members(arms)
    _refuse_missing_teachers(arms)
    return arms


def read_arm(name: str) -> Arm:
    """The arm of a name, with the default recipe where its file says nothing else.

    Raises InputError for a file that is missing or cannot be used.
    """
    return _read_arm(name, {})


def _read_arm(name: str, training: dict) -> Arm:
    from cellsift.models import architecture_file
    from cellsift.settings.recipe import complete_recipe
    from cellsift.settings.search import complete_search

    path = ARMS / f"{name}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in ARMS.glob("*.yaml")))
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
        recipe["init_from"] = expanded(recipe["init_from"])
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    search = complete_search(content["search"], recipe, str(path)) if "search" in content else {}
    network = (content["architecture"], content["options"])
    return Arm(name, *network, recipe, content["description"], search)


def _for_voxels(arm: Arm, voxel_size: Sequence[float]) -> Arm:
    if arm.architecture != FEATURES or Z_STEP in arm.options:
        return arm
    z, y, x = voxel_size
    return replace(arm, options=arm.options | {Z_STEP: round(z / math.sqrt(y * x), 3)})


def _refuse_missing_teachers(arms: dict[str, Arm]) -> None:
    for arm in arms.values():
        teacher = arm.recipe.get("teacher")
        if teacher and teacher not in arms:
            raise InputError(
                f"{ARMS / arm.name}.yaml: its teacher {teacher!r} is not among the arms of the "
                f"config ({', '.join(arms)}); list it there too, or name one of them"
            )
        if teacher and arms[teacher].members:
            raise InputError(
                f"{ARMS / arm.name}.yaml: its teacher {teacher!r} is an ensemble, which has no "
                "network of its own; name one of its members"
            )
        if teacher and arms[teacher].recipe["teacher"]:
            raise InputError(
                f"{ARMS / arm.name}.yaml: its teacher {teacher!r} has a teacher itself; name an "
                "arm that learns from the labels alone"
            )


def _ensemble_arm(name: str, content: dict, path: Path) -> Arm:
    if content["training"]:
        raise InputError(
            f"{path}: an ensemble is not trained, but there are keys under training "
            f"({', '.join(content['training'])}); remove them, or write them for its members"
        )
    if "search" in content:
        raise InputError(
            f"{path}: an ensemble has no recipe that could be searched; remove search, or write it "
            "for one of its members"
        )
    options = validated(content["options"], "ensemble.schema.yaml", f"{path}, options")
    return Arm(name, ENSEMBLE, options, {}, content["description"])


def _refuse_other_members(arms: dict[str, Arm]) -> None:
    """Refuse ensembles of what is not an arm of this config, or is itself an ensemble."""
    for arm in arms.values():
        for member in arm.members:
            where = f"{ARMS / arm.name}.yaml, options: the member {shorten(repr(member), 100)}"
            if member not in arms:
                raise InputError(
                    f"{where} is not among the arms of the config; add it to arms there, or take "
                    "it out of members"
                )
            if arms[member].members:
                raise InputError(
                    f"{where} is an ensemble itself; name the arms that it is made of instead"
                )
