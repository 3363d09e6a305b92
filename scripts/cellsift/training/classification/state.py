"""The state of a training between two epochs: all that is needed to go on."""

from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import torch
from torch.optim.swa_utils import AveragedModel

from cellsift.models.contract import Network


@dataclass
class TrainingState:
    """Model, optimiser, moving average, history and the best epoch so far.

    Epochs before `first_kept` only prepare the network: the last of them counts as the best, and
    each later one is better than they are.

    There is no state of random generators: every epoch starts from a seed of its own.
    """

    model: Network
    optimiser: torch.optim.Optimizer
    average: AveragedModel | None = None
    first_kept: int = 1
    history: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int = 0
    best_weights: dict[str, torch.Tensor] = field(default_factory=dict)
    best_logits: np.ndarray = field(default_factory=lambda: np.empty(0))

    @property
    def epoch(self) -> int:
        """The last epoch done, 0 before the first."""
        return len(self.history)

    @property
    def judged(self) -> Network:
        """The network that is scored and stored: the moving average where there is one."""
        return self.model if self.average is None else cast(Network, self.average.module)

    def finished(self, epochs: int, patience: int, frozen: int = 0) -> bool:
        """Return whether all epochs are done, or too many since the best one.

        The first `frozen` epochs, in which the head learns alone, do not count as too many.
        """
        return self.epoch >= epochs or self.epoch - max(self.best_epoch, frozen) >= patience

    def record(self, row: dict[str, float], logits: np.ndarray) -> None:
        """Add an epoch's figures, and keep its weights and held-out logits if it is the best.

        The best has the highest average precision; among equals the lowest validation loss.
        """
        self.history.append(row)
        best = self.history[self.best_epoch - 1]
        if self.best_epoch < self.first_kept or _merit(row) > _merit(best):
            self.best_epoch = self.epoch
            self.best_logits = logits
            self.best_weights = {
                name: tensor.detach().cpu().clone()
                for name, tensor in self.judged.state_dict().items()
            }

    def to_dict(self) -> dict[str, Any]:
        """Return tensors, numbers and lists from which `restore` goes on."""
        return {
            "model": self.model.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "average": None if self.average is None else self.average.state_dict(),
            "history": self.history,
            "best_epoch": self.best_epoch,
            "best_weights": self.best_weights,
            "best_logits": torch.from_numpy(self.best_logits),
        }

    def restore(self, content: dict[str, Any]) -> None:
        """Take over what `to_dict` returned."""
        self.model.load_state_dict(content["model"])
        self.optimiser.load_state_dict(content["optimiser"])
        if self.average is not None:
            self.average.load_state_dict(content["average"])
        self.history = content["history"]
        self.best_epoch = content["best_epoch"]
        self.best_weights = content["best_weights"]
        self.best_logits = content["best_logits"].numpy()


def _merit(row: dict[str, float]) -> tuple[float, float]:
    return round(row["average_precision"], 9), -row["validation_loss"]
