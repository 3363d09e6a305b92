"""What a search tries: the part `search` of an arm's file, and recipes with values out of it.

Needs neither torch nor optuna.
"""

from collections.abc import Mapping
from typing import Any

from cellsift.errors import InputError
from cellsift.settings.files import validated
from cellsift.settings.recipe import DEFAULTS, NAMES, complete_recipe

SCHEMA = "search.schema.yaml"
# A key of its own: strength is the one part of an augmentation that is a number.
STRENGTH = "augmentation_strength"
KEYS = (*(key for key in DEFAULTS if key not in NAMES), STRENGTH)

Values = Mapping[str, Any]


def complete_search(given: Mapping[str, Any], recipe: Mapping[str, Any], what: str) -> dict:
    """Return the part `search` of an arm with its defaults: trials, inner_folds, jobs, space.

    In the space every key has a list of choices, or a mapping with low, high and log.

    Args:
        recipe: the arm's own, completed.
        what: names the arm's file in a message.

    Raises:
        InputError: a key that is not known, or values that no recipe can have.
    """
    search = validated(given, SCHEMA, f"{what}, search")
    for key, tried in search["space"].items():
        try:
            _check(key, tried, recipe)
        except InputError as error:
            raise InputError(f"{what}, search, space: {error}") from error
    for tried in search["space"].values():
        if isinstance(tried, dict):
            tried.setdefault("log", False)
    start = recipe["pretraining"] or recipe["init_from"]
    if start and set(search["space"].get("normalisation", [])) - {recipe["normalisation"]}:
        raise InputError(
            f"{what}, search, space: the arm starts from {start}, which has learnt with one "
            "normalisation; take normalisation out of the space"
        )
    if recipe["teacher"]:
        raise InputError(
            f"{what}: search and teacher do not go together, as the teacher knows the candidates "
            "that a trial is judged on; leave one of them out"
        )
    return search


def recipe_with(recipe: Mapping[str, Any], values: Values) -> dict[str, Any]:
    """Return a completed recipe with these values in place of its own.

    Raises InputError for values that no recipe can have.
    """
    changes = dict(values)
    if STRENGTH in changes:
        operations = changes.get("augmentation", recipe["augmentation"])
        if not isinstance(operations, Mapping):
            operations = complete_recipe({"augmentation": operations})["augmentation"]
        changes["augmentation"] = {**operations, "strength": changes.pop(STRENGTH)}
    return complete_recipe({**recipe, **changes})


def own_values(recipe: Mapping[str, Any], space: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the recipe itself has of a space, where the space includes it."""
    strength = recipe["augmentation"]["strength"]
    kept = {STRENGTH: strength} if STRENGTH in space else {}
    own = {}
    for key, tried in space.items():
        if isinstance(tried, list):
            # A choice may be a shorter way to say what the recipe has, such as a default.
            same = [v for v in tried if recipe_with(recipe, {**kept, key: v}) == recipe]
            own |= {key: same[0]} if same else {}
        else:
            value = strength if key == STRENGTH else recipe[key]
            own |= {key: value} if tried["low"] <= value <= tried["high"] else {}
    return own


def ends_of(space: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return every choice of a space, and the ends of its ranges, each as one key and value."""
    return [
        {key: value}
        for key, tried in space.items()
        for value in (tried if isinstance(tried, list) else (tried["low"], tried["high"]))
    ]


def _check(key: str, tried: Any, recipe: Mapping[str, Any]) -> None:
    if key not in KEYS:
        raise InputError(f"{key!r} cannot be searched; choose among {', '.join(KEYS)}")
    if not isinstance(tried, list) and isinstance(DEFAULTS.get(key), str | dict):
        raise InputError(
            f"{key} is not a number, so it has no low and high; give a list of choices"
        )
    for values in ends_of({key: tried}):
        recipe_with(recipe, values)
    if isinstance(tried, list):
        return
    if not tried["low"] < tried["high"]:
        raise InputError(
            f"{key}: low is {tried['low']}, high {tried['high']}; give a low below high"
        )
    if tried.get("log") and tried["low"] <= 0:
        raise InputError(f"{key}: low is {tried['low']}; with log it has to be above 0")
