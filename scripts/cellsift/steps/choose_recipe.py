"""The best of all trials of a search."""

from collections.abc import Sequence
from pathlib import Path

from cellsift.settings.arms import Arm
from cellsift.training.search import outcome


def choose_recipe(
    arm: Arm, trials: Sequence[str | Path], folder: str | Path, seed: int = 1
) -> None:
    """Write trials.csv, importance.csv and chosen.json of a search to a folder.

    `trials` are the tables of all its jobs. Raises InputError as `outcome.choose_recipe` does.
    """
    outcome.choose_recipe(arm, trials, folder, seed)
