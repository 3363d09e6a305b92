"""What a person sees of a training while it runs: a progress bar or calm lines, and TensorBoard."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from tqdm import tqdm


class Progress:
    """Shows batches and epochs as they are done; use it in a `with` block.

    In a terminal a progress bar, in a log file one line per epoch. TensorBoard files are written
    anew by every start, the epochs before it included. Somebody else may `watch`: that is called
    with the epochs done, also parts of one, and their number at most.
    """

    def __init__(
        self,
        title: str,
        epochs: int,
        batches: int,
        tensorboard: Path,
        visible: bool,
        watch: Callable[[float, int], object] | None = None,
    ):
        # TensorBoard takes a second to import; nothing else here needs it.
        from torch.utils.tensorboard import SummaryWriter

        for old in tensorboard.glob("events.out.tfevents.*"):
            old.unlink()
        self._title, self._epochs, self._batches = title, epochs, batches
        self._watch, self._batches_done = watch, 0
        self._writer = SummaryWriter(str(tensorboard))
        self._lines = visible and not sys.stderr.isatty()
        self._bar = tqdm(
            total=epochs * batches,
            desc=title,
            unit="batch",
            disable=not visible or self._lines,
        )

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_) -> None:
        self._bar.close()
        self._writer.close()

    def batch_done(self) -> None:
        """Note that a batch of training was done."""
        self._bar.update()
        self._batches_done += 1
        self._tell_watcher()

    def resume(self, history: list[Mapping[str, float]]) -> None:
        """Take over the epochs that an earlier start has done."""
        for row in history:
            self._write(row)
        self._bar.update(len(history) * self._batches)
        self._batches_done = len(history) * self._batches
        self._tell_watcher()
        if history and self._lines:
            print(f"{self._title}: going on after epoch {len(history)}", file=sys.stderr)

    def epoch_done(self, row: Mapping[str, float]) -> None:
        """Show and record the figures of an epoch, a row of the history."""
        self._write(row)
        self._batches_done = int(row["epoch"]) * self._batches
        self._tell_watcher()
        figures = self.figures(row)
        self._bar.set_postfix_str(figures)
        if self._lines:
            line = f"{self._title}: epoch {row['epoch']} of at most {self._epochs}, {figures}"
            print(f"{line}, {row['seconds']:.1f} s", file=sys.stderr, flush=True)

    def figures(self, row: Mapping[str, float]) -> str:
        """Return what is shown of an epoch."""
        return (
            f"loss {row['train_loss']:.4f}, held out {row['validation_loss']:.4f}, "
            f"average precision {row['average_precision']:.4f}"
        )

    def _tell_watcher(self) -> None:
        if self._watch is not None:
            self._watch(self._batches_done / self._batches, self._epochs)

    def _write(self, row: Mapping[str, float]) -> None:
        for name, value in row.items():
            if name != "epoch":
                self._writer.add_scalar(name, value, int(row["epoch"]))
        self._writer.flush()
