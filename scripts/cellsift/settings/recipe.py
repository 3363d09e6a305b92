"""The recipe by which a model is trained: its keys, their defaults and what they may be.

A recipe is a plain dictionary, as it stands in a YAML file:

- epochs: passes through the training cuboids, at most;
- batch_size: cuboids per step, 3 or more; batches of an epoch are evened out, none is tiny;
- learning_rate: AdamW's (Loshchilov & Hutter 2019) at its highest; it rises over the first
  twentieth of the steps and falls to zero along a cosine;
- weight_decay: AdamW's, on weights but not on biases and normalisation;
- patience: epochs without a better average precision of the held-out fold until training stops,
  counted from the end of frozen_epochs;
- class_weights: "balanced" gives cells and artefacts the same weight in total, or "none";
- normalisation: log intensities by the statistics of the "brain" or "dataset", "local": their
  contrast to the cuboid's median, or "linear" (raw);
- augmentation: "default", "none", or {strength: 0 to 1, operations: [names]};
- test_time_augmentation: "none", or "flips": the mean logit over all mirror images;
- label_smoothing: share of every target that goes to both classes alike, 0 to below 1;
- mixup: how strongly pairs of cuboids are mixed into each other, 0 (not at all) to 1;
- moving_average: decay of the average of the weights over the steps, that is used in place of
  the last weights: 0 (none) to below 1;
- label_share: share of the labels to train on that is used, above 0 to 1: what fewer would give;
  odds, temperature and threshold still come from all labels;
- teacher: name of another arm, from whose model of the same fold `deit3d` learns;
- pretraining: name of a pre-training, from whose backbone every fold starts;
- init_from: file or folder of a model from which every fold starts (`training.starting_point`);
- init_parts: "all" of that model, or its "backbone" with a new head;
- frozen_epochs: epochs at the beginning in which only the head learns; batch normalisation takes
  its statistics from the new cuboids all the same.

Reading and completing a recipe does not import torch.
"""

import copy
import math
from collections.abc import Mapping
from numbers import Real
from typing import Any

from cellsift.errors import InputError

# Names of the functions in `augmentation`, in the order in which they are applied.
OPERATIONS = ("flip", "quarter_turn", "affine", "gain", "blur", "noise")

DEFAULTS: dict[str, Any] = {
    "epochs": 40,
    "batch_size": 64,
    "learning_rate": 0.001,
    "weight_decay": 0.05,
    "patience": 10,
    "class_weights": "balanced",
    "normalisation": "brain",
    "augmentation": {"strength": 1.0, "operations": list(OPERATIONS)},
    "test_time_augmentation": "none",
    "label_smoothing": 0.0,
    "mixup": 0.0,
    "moving_average": 0.0,
    "label_share": 1.0,
    "teacher": "",
    "pretraining": "",
    "init_from": "",
    "init_parts": "all",
    "frozen_epochs": 0,
}
NAMES = {
    "teacher": "name of another arm",
    "pretraining": "name of a file in config/pretraining",
    "init_from": "path of a model",
}
CHOICES = {
    "class_weights": ("balanced", "none"),
    "normalisation": ("brain", "dataset", "local", "linear"),
    "test_time_augmentation": ("none", "flips"),
    "init_parts": ("all", "backbone"),
}


def complete_recipe(partial: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the recipe with defaults for the keys not given; a complete one comes back equal.

    Raises:
        InputError: an unknown key or a value that cannot be used.
    """
    partial = dict(partial or {})
    unknown = sorted(set(partial) - set(DEFAULTS))
    if unknown:
        raise InputError(
            f"the recipe has no key {', '.join(map(repr, unknown))}; its keys are: "
            + ", ".join(DEFAULTS)
        )
    recipe = copy.deepcopy(DEFAULTS) | partial
    recipe["augmentation"] = _complete_augmentation(recipe["augmentation"])
    for key, least in {"epochs": 1, "batch_size": 3, "patience": 1, "frozen_epochs": 0}.items():
        _check_whole_number(key, recipe[key], least)
    for key in ("learning_rate", "label_share"):
        _check_number(key, recipe[key], above=0)
    for key in ("weight_decay", "mixup"):
        _check_number(key, recipe[key])
    for key in ("label_smoothing", "moving_average"):
        _check_number(key, recipe[key], below=1)
    for key, choices in CHOICES.items():
        if recipe[key] not in choices:
            raise InputError(f"{key} is {recipe[key]!r}; choose one of {', '.join(choices)}")
    for key, what in NAMES.items():
        if not isinstance(recipe[key], str):
            raise InputError(f"{key} is {recipe[key]!r}; give the {what}")
    if recipe["pretraining"] and recipe["init_from"]:
        raise InputError(
            f"a training starts either from pretraining ({recipe['pretraining']!r}) or from "
            f"init_from ({recipe['init_from']!r}); leave one of them out"
        )
    return recipe


def check_fits(recipe: Mapping[str, Any], network: Any) -> None:
    """Raise InputError if a completed recipe and a network do not go together.

    Args:
        network: a `models.contract.Network`, which says what it is trained by.
    """
    softened = [key for key in ("label_smoothing", "mixup") if recipe[key]]
    if softened and (network.has_own_loss or network.fitted_at_once):
        raise InputError(
            f"{' and '.join(softened)} mean nothing to this architecture, which is not trained by "
            "cross entropy alone; set them to 0 in this arm's training"
        )
    if recipe["frozen_epochs"] and network.fitted_at_once:
        raise InputError(
            f"frozen_epochs is {recipe['frozen_epochs']}, but this architecture is fitted at once; "
            "set it to 0 in this arm's training"
        )
    if network.learns_from_teacher and not recipe["teacher"]:
        raise InputError(
            "this architecture learns from another arm; name that arm as `teacher` in the recipe "
            "(training: {teacher: NAME}), best a convolutional network"
        )
    if recipe["teacher"] and not network.learns_from_teacher:
        raise InputError(
            f"teacher is {recipe['teacher']!r}, but this architecture learns from the labels "
            "alone; leave it out, or choose deit3d"
        )


def _complete_augmentation(given: Any) -> dict[str, Any]:
    if given == "default":
        return copy.deepcopy(DEFAULTS["augmentation"])
    if given == "none":
        return {"strength": 0.0, "operations": []}
    if not isinstance(given, Mapping) or set(given) - {"strength", "operations"}:
        raise InputError(
            f"augmentation is {given!r}; write default, none, or the keys strength (0 to 1) "
            f"and operations (a list out of {', '.join(OPERATIONS)})"
        )
    whole = DEFAULTS["augmentation"] | dict(given)
    _check_number("augmentation strength", whole["strength"])
    operations = whole["operations"]
    if not isinstance(operations, list | tuple) or any(o not in OPERATIONS for o in operations):
        raise InputError(
            f"augmentation operations is {operations!r}; give a list out of {', '.join(OPERATIONS)}"
        )
    return {
        "strength": float(whole["strength"]),
        "operations": [name for name in OPERATIONS if name in operations],
    }


def _check_whole_number(key: str, value: Any, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise InputError(f"{key} is {value!r}; give a whole number of at least {least}")


def _check_number(key: str, value: Any, above: float = -math.inf, below: float = math.inf) -> None:
    number = isinstance(value, Real) and not isinstance(value, bool)
    if not (number and 0 <= value <= 1 and above < value < below):
        lower = "above 0" if above == 0 else "of at least 0"
        upper = "below 1" if below == 1 else "at most 1"
        # YAML reads 1e-3 as text: it wants 1.0e-3 or 0.001.
        written = " (written like 0.001)" if isinstance(value, str) else ""
        raise InputError(f"{key} is {value!r}; give a number{written} {lower} and {upper}")
