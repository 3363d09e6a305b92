"""The arms of config/arms, read and checked against the architectures and against each other.

Reading does not import torch.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from textwrap import shorten

from cellsift.errors import InputError
from cellsift.io.paths import expanded
from cellsift.models import architecture_file, list_models
from cellsift.project.searches import read_search
from cellsift.settings.arms import ENSEMBLE, Arm, ArmFile, EnsembleOptions
from cellsift.settings.checking import completed
from cellsift.settings.files import REPOSITORY, SHIPPED, read_yaml
from cellsift.settings.nearest import nearest, or_nearest, refuse_misspelt
from cellsift.settings.recipe import Recipe

ARMS = REPOSITORY / "config" / "arms"
# Beside those that an installed package brings along, arms of the folder that a run is started in.
OWN = (Path("config", "arms"),) if REPOSITORY == SHIPPED else ()
# The architecture that measures shapes, and its option for the depth of voxels over their width.
FEATURES, Z_STEP = "features", "z_step"
# What the file of an arm with a finished model has not, and why.
WITHOUT_MODEL = {
    "architecture": "which names its own",
    "options": "which has its own",
    "training": "which is trained already",
    "search": "which is trained already",
}


def read_arms(names: Iterable[str], shared: Recipe) -> dict[str, Arm]:
    """The arms of these names; `shared` is the recipe of keys that their files leave out.

    Raises InputError for files that are missing or cannot be used, and for arms that do not fit
    together.
    """
    arms = {name: read_arm(name, shared) for name in names}
    _refuse_other_members(arms)
    _refuse_missing_teachers(arms)
    return arms


def for_voxels(arms: Mapping[str, Arm], voxel_size: Sequence[float]) -> dict[str, Arm]:
    """The arms for cuboids of this voxel size (z, y, x).

    It is for what measures shapes, where its file does not say how deep voxels are.
    """
    return {name: _for_voxels(arm, voxel_size) for name, arm in arms.items()}


def arm_file(name: str) -> Path:
    """The file that describes an arm, or would: the user's own, or that of the package."""
    own = [folder / f"{name}.yaml" for folder in OWN]
    return next((path for path in own if path.is_file()), ARMS / f"{name}.yaml")


def read_arm(name: str, shared: Recipe | None = None) -> Arm:
    """The arm of a name, with the shared or the default recipe where its file says nothing else.

    Raises InputError for a file that is missing or cannot be used.
    """
    path = arm_file(name)
    if not path.is_file():
        raise InputError(
            f"config, arms: there is no arm {name!r}, as {path} does not exist{_other_arms(name)}"
        )
    content = completed(ArmFile, read_yaml(path), str(path))
    if content.model is not None:
        return _finished_arm(name, content, content.model, path)
    if content.threshold is not None:
        raise InputError(
            f"{path}: threshold is that of a finished model; write threshold into the config, "
            "where it says how the threshold of trained arms is chosen"
        )
    if content.architecture is None:
        raise InputError(
            f"{path}: 'architecture' is missing; add it, or give a finished model by 'model'"
        )
    if content.architecture == ENSEMBLE:
        return _ensemble_arm(name, content, path)
    try:
        refuse_misspelt([content.architecture], list_models(), "there is no architecture")
        refuse_misspelt(content.training, Recipe.model_fields, "training has no key")
        architecture_file(content.architecture)
        recipe = (shared or Recipe()).with_changes(content.training)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    recipe = recipe.model_copy(update={"init_from": expanded(recipe.init_from)})
    search = None if content.search is None else read_search(content.search, recipe, str(path))
    network = (content.architecture, content.options)
    return Arm(name, *network, recipe, content.description, search)


def _other_arms(name: str) -> str:
    """What to do about an arm that there is none of: the nearest one, or a list of all."""
    known = _arms_with_a_file()
    listed = "" if nearest([name], known) else f" or name one of {', '.join(known)}"
    return or_nearest([name], known, f"write that file{listed}")


def _arms_with_a_file() -> list[str]:
    return sorted({file.stem for folder in (ARMS, *OWN) for file in folder.glob("*.yaml")})


def _for_voxels(arm: Arm, voxel_size: Sequence[float]) -> Arm:
    if arm.recipe is None or arm.architecture != FEATURES or Z_STEP in arm.options:
        return arm
    z, y, x = voxel_size
    return replace(arm, options=arm.options | {Z_STEP: round(z / math.sqrt(y * x), 3)})


def _refuse_missing_teachers(arms: dict[str, Arm]) -> None:
    for arm in arms.values():
        teacher = arm.recipe.teacher if arm.recipe else ""
        if teacher and teacher not in arms:
            raise InputError(
                f"{arm_file(arm.name)}: its teacher {teacher!r} is not among the arms of the "
                f"config ({', '.join(arms)}); list it there too, or name one of them"
            )
        recipe = arms[teacher].recipe if teacher else None
        if teacher and arms[teacher].model is not None:
            raise InputError(
                f"{arm_file(arm.name)}: its teacher {teacher!r} is a finished model, which has "
                "no network for each fold; name an arm that is trained, or start from it with "
                "init_from"
            )
        if teacher and recipe is None:
            raise InputError(
                f"{arm_file(arm.name)}: its teacher {teacher!r} is an ensemble, which has no "
                "network of its own; name one of its members"
            )
        if recipe and recipe.teacher:
            raise InputError(
                f"{arm_file(arm.name)}: its teacher {teacher!r} has a teacher itself; name an "
                "arm that learns from the labels alone"
            )


def _finished_arm(name: str, content: ArmFile, model: str, path: Path) -> Arm:
    """An arm whose model is used as it is; of its architecture only the model knows."""
    for key in WITHOUT_MODEL:
        if key in content.model_fields_set:
            raise InputError(
                f"{path}: {key} says nothing to a finished model, {WITHOUT_MODEL[key]}; remove "
                f"{key}, or remove model to train the arm"
            )
    return Arm(
        name,
        "",
        {},
        None,
        content.description,
        model=expanded(model),
        threshold=content.threshold,
    )


def _ensemble_arm(name: str, content: ArmFile, path: Path) -> Arm:
    if content.training:
        raise InputError(
            f"{path}: an ensemble is not trained, but there are keys under training "
            f"({', '.join(content.training)}); remove them, or write them for its members"
        )
    if content.search is not None:
        raise InputError(
            f"{path}: an ensemble has no recipe that could be searched; remove search, or write it "
            "for one of its members"
        )
    options = completed(EnsembleOptions, content.options, f"{path}, options")
    return Arm(name, ENSEMBLE, options.to_dict(), None, content.description)


def _refuse_other_members(arms: dict[str, Arm]) -> None:
    """Refuse ensembles of what is not an arm of this config, or is itself an ensemble."""
    for arm in arms.values():
        for member in arm.members:
            where = f"{arm_file(arm.name)}, options: the member {shorten(repr(member), 100)}"
            if member not in arms:
                remedy = "add it to arms there, or take it out of members"
                misspelt = [] if member in _arms_with_a_file() else [member]
                raise InputError(
                    f"{where} is not among the arms of the config"
                    + or_nearest(misspelt, arms, remedy)
                )
            if arms[member].model is not None:
                raise InputError(
                    f"{where} is a finished model, which has no out-of-fold scores to weigh it by; "
                    "take it out of members"
                )
            if arms[member].members:
                raise InputError(
                    f"{where} is an ensemble itself; name the arms that it is made of instead"
                )
