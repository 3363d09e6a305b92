"""What trainings tell those who watch them; how it is shown is no concern of theirs."""

from collections.abc import Mapping, Sequence
from pathlib import Path

# The figures of one epoch, by name.
Row = Mapping[str, float]


class Progress:
    """Told how trainings get on, one after the other; this one keeps it to itself.

    A subclass shows it to people. Nothing that it does changes what is learnt.
    """

    def started(
        self, title: str, curves: Path, epochs: int, steps: int, history: Sequence[Row]
    ) -> None:
        """A training begins, or goes on after the epochs that an earlier start has done.

        Args:
            title: names it to people.
            curves: a folder for what is recorded of the epochs for people.
            epochs: of them at most there will be, those of `history` included.
            steps: of the optimiser in an epoch.
            history: the figures of the epochs done.
        """

    def step_done(self) -> None:
        """A step of an epoch was done."""

    def epoch_done(self, row: Row) -> None:
        """An epoch was done, and a checkpoint written: the figures that the history has of it."""

    def ended(self) -> None:
        """The training has ended, by itself or by an error."""

    def trials_done(self, done: int, trials: int) -> None:
        """Of the trials of a search, each made of trainings, so many were done by all its jobs."""
