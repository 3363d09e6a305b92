"""Small trainings of one fold, with all their files in one folder."""

from collections.abc import Callable
from pathlib import Path

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
    places = (folder / "models", folder / "training", folder / "checkpoint.pt")
    return train_fold(
        arm, *brains, fold, FoldFiles(*places, teacher, start), run_options(**options)
    )
