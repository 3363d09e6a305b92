"""The best of all trials of a search."""

from collections.abc import Sequence
from pathlib import Path

from cellsift.settings.arms import Arm
from cellsift.training.search import outcome


def choose_recipe(
    arm: Arm, trials: Sequence[str | Path], files: outcome.OutcomeFiles, seed: int = 1
) -> None:
    """Write all trials of a search and the recipe that it chooses to `files`.

    `trials` are the tables of all its jobs. Raises InputError as `outcome.choose_recipe` does.
    """
    outcome.choose_recipe(arm, trials, files, seed)
