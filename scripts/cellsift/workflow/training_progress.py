"""How trainings are shown while they run: a progress bar or calm lines, and TensorBoard."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from tqdm import tqdm

from cellsift.training.progress import Progress, Row

# Of an epoch's figures, those that are not shown, and names for others.
SILENT = ("epoch", "learning_rate", "seconds")
NAMES = {"train_loss": "loss", "validation_loss": "held out"}

# Called with what is done, also parts of one, and how many there are at most.
Count = Callable[[float, int], object]


class TrainingDisplay(Progress):
    """Shows steps and epochs as they are done.

    In a terminal a progress bar, in a log file one line per epoch. Files for TensorBoard go to the
    folder for curves; they are written anew by every start, the epochs before it included.

    Args:
        visible: whether to print to standard error.
        count_epochs: called often with the epochs of a training that are done, also parts of one.
        count_trials: the same with the trials of a search.
    """

    def __init__(
        self,
        visible: bool = True,
        count_epochs: Count | None = None,
        count_trials: Count | None = None,
    ):
        self._visible = visible
        self._lines = visible and not sys.stderr.isatty()
        self._count_epochs, self._count_trials = count_epochs, count_trials

    def started(
        self, title: str, curves: Path, epochs: int, steps: int, history: Sequence[Row]
    ) -> None:
        # TensorBoard takes a second to import; nothing else here needs it.
        from torch.utils.tensorboard import SummaryWriter

        for old in curves.glob("events.out.tfevents.*"):
            old.unlink()
        self._writer = SummaryWriter(str(curves))
        self._title, self._epochs, self._steps = title, epochs, steps
        self._bar = tqdm(
            total=epochs * steps,
            initial=len(history) * steps,
            desc=title,
            unit="batch",
            disable=not self._visible or self._lines,
        )
        self._steps_done = 0
        for row in history:
            self._write(row)
        self._count(len(history) * steps)
        if history and self._lines:
            print(f"{title}: going on after epoch {len(history)}", file=sys.stderr)

    def step_done(self) -> None:
        self._bar.update()
        self._count(self._steps_done + 1)

    def epoch_done(self, row: Row) -> None:
        self._write(row)
        self._count(int(row["epoch"]) * self._steps)
        figures = shown_figures(row)
        self._bar.set_postfix_str(figures)
        if self._lines:
            line = f"{self._title}: epoch {row['epoch']} of at most {self._epochs}, {figures}"
            print(f"{line}, {row['seconds']:.1f} s", file=sys.stderr, flush=True)

    def ended(self) -> None:
        self._bar.close()
        self._writer.close()

    def trials_done(self, done: int, trials: int) -> None:
        if self._count_trials is not None:
            self._count_trials(done, trials)

    def _count(self, steps_done: int) -> None:
        self._steps_done = steps_done
        if self._count_epochs is not None:
            self._count_epochs(steps_done / self._steps, self._epochs)

    def _write(self, row: Row) -> None:
        for name, value in row.items():
            if name != "epoch":
                self._writer.add_scalar(name, value, int(row["epoch"]))
        self._writer.flush()


def shown_figures(row: Row) -> str:
    """Return what is shown of an epoch: losses first, as the history has them."""
    return ", ".join(
        f"{NAMES.get(name, name.replace('_', ' '))} {value:.4f}"
        for name, value in row.items()
        if name not in SILENT
    )
