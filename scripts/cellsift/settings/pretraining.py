"""Pre-trainings as the user describes them: config/pretraining/NAME.yaml, read and checked.

Reading does not import torch.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from cellsift.errors import InputError
from cellsift.settings.arms import ARMS, Arm
from cellsift.settings.files import REPOSITORY, read_yaml, validated

FOLDER = REPOSITORY / "config" / "pretraining"
SCHEMA = "pretraining.schema.yaml"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
# The roles of the brains whose cuboids are used.
ROLES = {
    "train": ("train",),
    "train_and_predict": ("train", "predict"),
    "all": ("train", "predict", "test"),
}
# Keys that only one method knows.
OF_METHOD = {
    "mae": ("mask_ratio", "normalised_targets"),
    "dino": ("local_views", "prototypes", "teacher_momentum"),
}
# Noise and blur would become what an autoencoder has to draw.
AUGMENTATION_OF_MAE = {"strength": 1.0, "operations": ["flip", "quarter_turn", "affine"]}


@dataclass(frozen=True)
class Pretraining:
    """A method that teaches the backbone of an architecture by cuboids without labels.

    `recipe` has epochs, batch_size, learning_rate, weight_decay, cuboids_per_epoch, normalisation
    and augmentation; `of_method` the settings that only the method knows.
    """

    name: str
    method: str
    architecture: str
    options: dict
    brains: str
    recipe: dict
    of_method: dict

    @property
    def roles(self) -> tuple[str, ...]:
        """The roles of the brains whose cuboids are used."""
        return ROLES[self.brains]

    def to_dict(self) -> dict:
        """Return plain data, from which `Pretraining(**data)` makes it again."""
        return dict(vars(self))


def read_pretraining(name: str, normalisation: str = "brain") -> Pretraining:
    """Return the pre-training that config/pretraining/{name}.yaml describes.

    `normalisation` is that of the arms, for a file that names none.

    Raises:
        InputError: there is no such file, a key is not known or belongs to the other method, or a
            value cannot be used.
    """
    from cellsift.models import architecture_file
    from cellsift.settings.recipe import complete_recipe

    path = FOLDER / f"{name}.yaml"
    if not isinstance(name, str) or not NAME.fullmatch(name) or not path.is_file():
        known = ", ".join(sorted(file.stem for file in FOLDER.glob("*.yaml"))) or "none"
        raise InputError(
            f"there is no pre-training {name!r}; write {FOLDER}/NAME.yaml or name one of: {known}"
        )
    given = read_yaml(path)
    content = validated(given, SCHEMA, str(path))
    content.setdefault("normalisation", normalisation)
    method = content["method"]
    foreign = sorted(
        key
        for other, keys in OF_METHOD.items()
        if other != method
        for key in set(keys) & set(given)
    )
    if foreign:
        raise InputError(
            f"{path}: {', '.join(foreign)} says nothing to method {method}; remove it or change "
            "the method"
        )
    if method == "mae" and content["augmentation"] == "default":
        content["augmentation"] = AUGMENTATION_OF_MAE
    shared = ("epochs", "batch_size", "learning_rate", "weight_decay", "normalisation")
    recipe = {key: content[key] for key in (*shared, "augmentation")}
    try:
        architecture_file(content["architecture"])
        whole = complete_recipe(recipe)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    return Pretraining(
        name,
        method,
        content["architecture"],
        content["options"],
        content["brains"],
        {key: whole[key] for key in recipe} | {"cuboids_per_epoch": content["cuboids_per_epoch"]},
        {key: content[key] for key in OF_METHOD[method]},
    )


def pretrainings_of(arms: Iterable[Arm]) -> dict[str, Pretraining]:
    """Return the pre-trainings that the arms' recipes name, by name.

    Raises:
        InputError: one that cannot be read, or that is made for another network than the arm's.
    """
    found: dict[str, Pretraining] = {}
    for arm in arms:
        name = arm.recipe.get("pretraining")
        if not name:
            continue
        try:
            if (pretraining := found.get(name)) is None:
                pretraining = read_pretraining(name, arm.recipe["normalisation"])
            check_arm(arm, pretraining)
        except InputError as error:
            raise InputError(f"{ARMS / arm.name}.yaml: {error}") from error
        found[name] = pretraining
    return found


def check_arm(arm: Arm, pretraining: Pretraining) -> None:
    """Raise InputError unless the arm's network is the one pre-trained, and sees the same input."""
    pairs = {
        "architecture": (arm.architecture, pretraining.architecture),
        "options": (arm.options, pretraining.options),
        "normalisation": (arm.recipe["normalisation"], pretraining.recipe["normalisation"]),
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
    from cellsift.models import complete_options

    return complete_options(arm.architecture, arm.options) == complete_options(
        arm.architecture, pretraining.options
    )
