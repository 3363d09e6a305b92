"""Trials of one arm's search, without one fold or on all."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from cellsift.cuboids.store import CuboidStore
from cellsift.io.tables import read_table
from cellsift.settings.arms import Arm
from cellsift.training.engine import RunOptions
from cellsift.training.search.files import SearchFiles
from cellsift.training.search.trials import do_trials


def search(
    arm: Arm,
    cuboids: Mapping[str, Sequence[str | Path]],
    folds: str | Path,
    study: str,
    files: SearchFiles,
    run: RunOptions,
) -> None:
    """Do trials until the jobs of the search have done enough, and write them all (`do_trials`).

    Args:
        cuboids: by brain, its cuboid stores.
        folds: the table of `folds`.
        study: "fold-0" and so on: without the candidates of that fold; "all": on all.

    Raises InputError as `do_trials` does.
    """
    stores = {brain: CuboidStore.open(paths) for brain, paths in cuboids.items()}
    left_out = None if study == "all" else int(study.removeprefix("fold-"))
    do_trials(arm, stores, read_table(folds), left_out, files, run)
