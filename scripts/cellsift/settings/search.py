"""What a search tries: the part `search` of an arm's file, and recipes with values out of it.

Needs neither torch nor optuna.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, WithJsonSchema

from cellsift.settings.recipe import NAMES, Recipe
from cellsift.settings.values import UNIQUE, WHOLE, Number, Settings

# A key of its own: strength is the one part of an augmentation that is a number.
STRENGTH = "augmentation_strength"
KEYS = (*(key for key in Recipe.model_fields if key not in NAMES), STRENGTH)

Values = Mapping[str, Any]
Choice = Annotated[str | Number | int, WithJsonSchema({"type": ["string", "number", "integer"]})]
Choices = Annotated[list[Choice], Field(min_length=2), *UNIQUE]


class Range(Settings):
    """Numbers between two ends; with `log` small ones are tried as often as large ones."""

    low: Number
    high: Number
    log: bool = False


Space = dict[str, Choices | Range]


class Search(Settings):
    """Which recipes are tried to find a better one than an arm's own."""

    trials: Annotated[int, Field(ge=2, le=10000), WHOLE] = Field(
        20, description="How many recipes are tried, for each fold and for all folds together."
    )
    inner_folds: Annotated[int, Field(ge=2, le=10), WHOLE] = Field(
        2,
        description="Into how many parts the candidates of a training are divided to judge a "
        "recipe.",
    )
    jobs: Annotated[int, Field(ge=1, le=100), WHOLE] = Field(
        1, description="How many jobs share the trials of a fold."
    )
    space: Annotated[Space, Field(min_length=1)] = Field(
        {
            "learning_rate": Range(low=0.0001, high=0.01, log=True),
            "weight_decay": Range(low=0.001, high=0.3, log=True),
            STRENGTH: Range(low=0.0, high=1.0),
        },
        description="What is tried; by key of the recipe a list of choices, or a range with low "
        "and high.",
    )


def recipe_with(recipe: Recipe, values: Values) -> Recipe:
    """Return a recipe with these values in place of its own.

    Raises InputError for values that no recipe can have.
    """
    changes = dict(values)
    if STRENGTH in changes:
        strength = changes.pop(STRENGTH)
        varied = recipe
        if "augmentation" in changes:
            varied = recipe.with_changes({"augmentation": changes["augmentation"]})
        changes["augmentation"] = varied.augmentation.to_dict() | {"strength": strength}
    return recipe.with_changes(changes)


def own_values(recipe: Recipe, space: Space) -> dict[str, Any]:
    """Return what the recipe itself has of a space, where the space includes it."""
    strength = recipe.augmentation.strength
    kept = {STRENGTH: strength} if STRENGTH in space else {}
    own: dict[str, Any] = {}
    for key, tried in space.items():
        if isinstance(tried, list):
            # A choice may be a shorter way to say what the recipe has, such as a default.
            same = [v for v in tried if recipe_with(recipe, {**kept, key: v}) == recipe]
            own |= {key: same[0]} if same else {}
        else:
            value = strength if key == STRENGTH else getattr(recipe, key)
            own |= {key: value} if tried.low <= value <= tried.high else {}
    return own


def ends_of(space: Space) -> list[dict[str, Any]]:
    """Return every choice of a space, and the ends of its ranges, each as one key and value."""
    return [
        {key: value}
        for key, tried in space.items()
        for value in (tried if isinstance(tried, list) else (tried.low, tried.high))
    ]


def is_number(key: str) -> bool:
    """Whether a key of a search has numbers, so that it can have a range."""
    return key == STRENGTH or isinstance(getattr(Recipe(), key), int | float)


def is_whole_number(key: str) -> bool:
    """Whether a key of a search has whole numbers only."""
    return key != STRENGTH and isinstance(getattr(Recipe(), key), int)
