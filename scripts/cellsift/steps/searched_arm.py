"""The recipe that a search has found, as the file of an arm."""

from pathlib import Path

from cellsift.io.json_files import read_json
from cellsift.settings.arms import Arm
from cellsift.training.search.found_arm import write_arm


def searched_arm(arm: Arm, chosen: str | Path, out: str | Path) -> None:
    """Write an arm with the recipe of a search's chosen.json, as a file for config/arms."""
    write_arm(arm, read_json(chosen), out)
