"""The part `search` of an arm's file, read and checked against the arm's recipe."""

from cellsift.errors import InputError
from cellsift.settings.checking import completed
from cellsift.settings.recipe import Recipe
from cellsift.settings.search import KEYS, Range, Search, ends_of, is_number, recipe_with


def read_search(given: object, recipe: Recipe, what: str) -> Search:
    """The part `search` of an arm, completed.

    Args:
        recipe: the arm's own.
        what: names the arm's file in a message.

    Raises:
        InputError: a key that is not known, or values that no recipe can have.
    """
    search = completed(Search, given, f"{what}, search")
    for key, tried in search.space.items():
        try:
            _check(key, tried, recipe)
        except InputError as error:
            raise InputError(f"{what}, search, space: {error}") from error
    start = recipe.pretraining or recipe.init_from
    others = search.space.get("normalisation")
    if start and isinstance(others, list) and set(others) - {recipe.normalisation}:
        raise InputError(
            f"{what}, search, space: the arm starts from {start}, which has learnt with one "
            "normalisation; take normalisation out of the space"
        )
    if recipe.teacher:
        raise InputError(
            f"{what}: search and teacher do not go together, as the teacher knows the candidates "
            "that a trial is judged on; leave one of them out"
        )
    return search


def _check(key: str, tried: list | Range, recipe: Recipe) -> None:
    if key not in KEYS:
        raise InputError(f"{key!r} cannot be searched; choose among {', '.join(KEYS)}")
    if isinstance(tried, Range) and not is_number(key):
        raise InputError(
            f"{key} is not a number, so it has no low and high; give a list of choices"
        )
    for values in ends_of({key: tried}):
        recipe_with(recipe, values)
    if isinstance(tried, list):
        return
    if not tried.low < tried.high:
        raise InputError(f"{key}: low is {tried.low}, high {tried.high}; give a low below high")
    if tried.log and tried.low <= 0:
        raise InputError(f"{key}: low is {tried.low}; with log it has to be above 0")
