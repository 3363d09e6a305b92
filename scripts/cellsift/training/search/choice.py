"""The recipe that a search chose, for the training that uses it. Needs neither torch nor optuna."""

from dataclasses import replace
from pathlib import Path

from cellsift.errors import InputError
from cellsift.io.json_files import read_json
from cellsift.settings.arms import Arm
from cellsift.settings.recipe import Recipe
from cellsift.settings.search import recipe_with


def with_chosen_recipe(arm: Arm, chosen: str | Path | None) -> Arm:
    """Return an arm with the recipe of a search's chosen.json; for None as it is.

    Raises InputError for an arm with a search and no chosen recipe, or the other way round.
    """
    if (chosen is None) != (not arm.search):
        raise InputError(
            f"arm {arm.name} {'has' if arm.search else 'has no'} search, and the chosen recipe is "
            f"{chosen}; give both or neither"
        )
    if chosen is None:
        return arm
    return replace(arm, recipe=recipe_with(arm.recipe or Recipe(), read_json(chosen)["values"]))
