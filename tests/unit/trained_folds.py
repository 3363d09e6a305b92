"""Small trainings of one fold, with all their files in one folder."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from cellsift.results import FoldFolder, ModelFolder
from cellsift.settings.arms import Arm
from cellsift.training.classification.files import FoldFiles
from cellsift.training.classification.fold import train_fold
from cellsift.training.engine import RunOptions
from cellsift.training.progress import Progress, Row


class AfterEpoch(Progress):
    """Calls a function with the number of each epoch that is done and saved."""

    def __init__(self, call: Callable[[int], object]):
        self._call = call

    def epoch_done(self, row: Row) -> None:
        self._call(int(row["epoch"]))


def run_options(after_epoch: Callable[[int], object] | None = None, **options) -> RunOptions:
    """Return options of a silent run by seed 0."""
    progress = Progress() if after_epoch is None else AfterEpoch(after_epoch)
    return RunOptions(**{"seed": 0, "progress": progress} | options)


def train_in(
    folder: Path, arm: Arm, brains: tuple, fold: int = 0, teacher=None, start=None, **options
) -> Path:
    """Train with the fold held out; models, training and checkpoint.pt go to the folder.

    `brains` are the stores and the table of `make_brains`; the options are those of `run_options`.
    """
    files = replace(
        fold_files(folder / "models", folder / "training", folder / "checkpoint.pt", fold),
        teacher=teacher,
        starting_point=start,
    )
    return train_fold(arm, *brains, fold, files, run_options(**options))


def fold_files(models: Path, training: Path, checkpoint: Path, fold: int) -> FoldFiles:
    """The files of a fold: its network in one folder, how it was trained in another."""
    made, trained = ModelFolder(models), FoldFolder(training)
    written = (made.sidecar(fold), trained.history, trained.scores, trained.tensorboard)
    return FoldFiles(*written, checkpoint)
