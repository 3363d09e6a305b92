"""One arm with one fold held out."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from cellsift.cuboids.store import CuboidStore
from cellsift.io.tables import read_table
from cellsift.settings.arms import Arm
from cellsift.training.classification.files import FoldFiles
from cellsift.training.classification.fold import train_fold
from cellsift.training.engine import RunOptions
from cellsift.training.search.choice import with_chosen_recipe


def train(
    arm: Arm,
    cuboids: Mapping[str, Sequence[str | Path]],
    folds: str | Path,
    fold: int,
    files: FoldFiles,
    run: RunOptions,
    *,
    chosen: str | Path | None = None,
) -> None:
    """Write the fold's model, history and out-of-fold scores to `files` (`train_fold`).

    Args:
        cuboids: by brain, its cuboid stores.
        folds: the table of `folds`.
        fold: the one held out.
        chosen: chosen.json of the arm's search without the fold, if it has a search.

    Raises InputError as `train_fold` and `with_chosen_recipe` do.
    """
    stores = {brain: CuboidStore.open(paths) for brain, paths in cuboids.items()}
    train_fold(with_chosen_recipe(arm, chosen), stores, read_table(folds), fold, files, run)
