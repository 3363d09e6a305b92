"""The pre-trainings of config/pretraining, read and checked against the arms that start from them.

Reading does not import torch.
"""

import re
from collections.abc import Iterable
from pathlib import Path

from cellsift.errors import InputError
from cellsift.models import architecture_file, complete_options
from cellsift.project.arms import arm_file
from cellsift.settings.arms import Arm
from cellsift.settings.checking import completed
from cellsift.settings.files import REPOSITORY, read_yaml
from cellsift.settings.nearest import or_nearest
from cellsift.settings.pretraining import (
    AUGMENTATION_OF_MAE,
    OF_METHOD,
    Pretraining,
    PretrainingFile,
    PretrainingRecipe,
)
from cellsift.settings.recipe import Recipe

FOLDER = REPOSITORY / "config" / "pretraining"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


def read_pretraining(name: str, normalisation: str = "brain") -> Pretraining:
    """Return the pre-training that config/pretraining/{name}.yaml describes.

    `normalisation` is that of the arms, for a file that names none.

    Raises:
        InputError: there is no such file, a key is not known or belongs to the other method, or a
            value cannot be used.
    """
    path = FOLDER / f"{name}.yaml"
    if not isinstance(name, str) or not NAME.fullmatch(name) or not path.is_file():
        known = sorted(file.stem for file in FOLDER.glob("*.yaml"))
        remedy = f"write {FOLDER}/NAME.yaml or name one of: {', '.join(known) or 'none'}"
        raise InputError(
            f"there is no pre-training {name!r}" + or_nearest([str(name)], known, remedy)
        )
    content = completed(PretrainingFile, read_yaml(path), str(path))
    _refuse_keys_of_other_methods(content, path)
    try:
        architecture_file(content.architecture)
        recipe = _recipe(content, normalisation)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    return Pretraining(
        name,
        content.method,
        content.architecture,
        content.options,
        content.brains,
        recipe,
        {key: getattr(content, key) for key in OF_METHOD[content.method]},
    )


def _refuse_keys_of_other_methods(content: PretrainingFile, path: Path) -> None:
    foreign = sorted(
        key
        for method, keys in OF_METHOD.items()
        if method != content.method
        for key in set(keys) & content.model_fields_set
    )
    if foreign:
        raise InputError(
            f"{path}: {', '.join(foreign)} says nothing to method {content.method}; remove it or "
            "change the method"
        )


def _recipe(content: PretrainingFile, normalisation: str) -> PretrainingRecipe:
    augmentation = content.augmentation
    if content.method == "mae" and augmentation == "default":
        augmentation = AUGMENTATION_OF_MAE
    shared = ("epochs", "batch_size", "learning_rate", "weight_decay")
    given = {key: getattr(content, key) for key in shared} | {
        "normalisation": content.normalisation or normalisation,
        "augmentation": augmentation,
    }
    # What these keys may be in a recipe they may be here.
    recipe = Recipe.from_dict(given)
    return PretrainingRecipe(
        **{key: getattr(recipe, key) for key in given},
        cuboids_per_epoch=content.cuboids_per_epoch,
    )


def pretrainings_of(arms: Iterable[Arm]) -> dict[str, Pretraining]:
    """Return the pre-trainings that the arms' recipes name, by name.

    Raises:
        InputError: one that cannot be read, or that is made for another network than the arm's.
    """
    found: dict[str, Pretraining] = {}
    for arm in arms:
        if arm.recipe is None or not arm.recipe.pretraining:
            continue
        name = arm.recipe.pretraining
        try:
            if (pretraining := found.get(name)) is None:
                pretraining = read_pretraining(name, arm.recipe.normalisation)
            check_arm(arm, pretraining)
        except InputError as error:
            raise InputError(f"{arm_file(arm.name)}: {error}") from error
        found[name] = pretraining
    return found


def check_arm(arm: Arm, pretraining: Pretraining) -> None:
    """Raise InputError unless the arm's network is the one pre-trained, and sees the same input."""
    assert arm.recipe is not None
    pairs = {
        "architecture": (arm.architecture, pretraining.architecture),
        "options": (arm.options, pretraining.options),
        "normalisation": (arm.recipe.normalisation, pretraining.recipe.normalisation),
    }
    for what, (of_arm, of_pretraining) in pairs.items():
        if of_arm == of_pretraining or (what == "options" and _equal_options(arm, pretraining)):
            continue
        raise InputError(
            f"{what} of arm {arm.name!r} is {of_arm}, of its pre-training {pretraining.name!r} "
            f"{of_pretraining}; make them equal"
        )


def _equal_options(arm: Arm, pretraining: Pretraining) -> bool:
    """Whether options differ only in defaults that one of the two spells out."""
    return complete_options(arm.architecture, arm.options) == complete_options(
        arm.architecture, pretraining.options
    )
