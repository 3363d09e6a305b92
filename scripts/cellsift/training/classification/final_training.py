"""The training of a network on all that is labelled, for as long as the comparison has shown."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median_high
from typing import Any

from cellsift.training.classification.augmented_batches import AugmentedBatches
from cellsift.training.classification.fold_training import FoldTraining
from cellsift.training.classification.state import TrainingState


class FinalTraining(FoldTraining):
    """Trains a network with nothing held out; the weights after `last` epochs are kept.

    The learning rate is that of the same epochs of a fold's training, as the recipe has it.
    """

    def __init__(
        self, title: str, curves: Path, state: TrainingState, batches: AugmentedBatches, last: int
    ):
        super().__init__(title, curves, state, batches)
        self.epochs = min(max(last, state.first_kept), self.scheduled)

    def train_epoch(self, seed: int, step_done: Callable[[], None]) -> dict[str, float]:
        """Train for one epoch."""
        return self.learn(seed, step_done)

    def record(self, row: dict[str, float]) -> None:
        self.state.history.append(row)
        self.state.best_epoch = self.state.epoch

    def finished(self) -> bool:
        return self.state.epoch >= self.epochs


def epochs_of(sidecars: Sequence[Mapping[str, Any]]) -> int:
    """Return the median of the epochs that the networks of the folds were taken at.

    Of an even number the higher one of the two in the middle.

    Example:
        >>> epochs_of([{"provenance": {"best_epoch": epoch}} for epoch in (9, 4, 6)])
        6
    """
    return median_high(int(sidecar["provenance"]["best_epoch"]) for sidecar in sidecars)
