"""The training of a backbone by a method of pre-training, on cuboids without labels."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from cellsift.cuboids.batches import Cuboids
from cellsift.cuboids.normalisation import Normalisation
from cellsift.settings.pretraining import PretrainingRecipe
from cellsift.training.augmentation import augment
from cellsift.training.engine import Training
from cellsift.training.optimisation import (
    check_finite,
    even_batches,
    learning_rate_at,
    make_optimiser,
    step,
)
from cellsift.training.pretraining.methods import Method
from cellsift.training.progress import Row


class BackboneTraining(Training):
    """Trains the network that a method holds by all cuboids, or as many a pass as the recipe says.

    Attributes:
        method: the network in the hands of a method, on the device to train on.
    """

    def __init__(
        self,
        title: str,
        curves: Path,
        method: Method,
        data: Cuboids,
        normalisation: Normalisation,
        recipe: PretrainingRecipe,
    ):
        self.title, self.curves = title, curves
        self.method, self.data, self.normalisation = method, data, normalisation
        self.recipe = recipe
        self.optimiser = make_optimiser(method, recipe.weight_decay)
        per_epoch = min(len(data), recipe.cuboids_per_epoch)
        self.batches = even_batches(per_epoch, recipe.batch_size)
        self.epochs, self.steps = recipe.epochs, len(self.batches)
        self._history: list[Row] = []

    @property
    def history(self) -> Sequence[Row]:
        return self._history

    def train_epoch(self, seed: int, step_done: Callable[[], None]) -> dict[str, float]:
        """Pass once through the cuboids, in random order and varied."""
        torch.manual_seed(seed)
        method, data, recipe = self.method, self.data, self.recipe
        device = next(method.parameters()).device
        generator = torch.Generator(device).manual_seed(seed)
        vary = partial(
            augment,
            voxel_size=data.layout[2],
            augmentation=recipe.augmentation,
            generator=generator,
        )
        order = np.random.default_rng(seed).permutation(len(data))[: self.batches[-1].stop]
        done, steps = len(self.history) * self.steps, self.epochs * self.steps
        total = torch.zeros((), device=device)
        method.train()
        for number, batch in enumerate(self.batches):
            rows = order[batch]
            raw = data.on_device(rows, device)
            view = partial(data.normalised, raw, rows, self.normalisation, vary)
            rate = learning_rate_at(done + number, steps, recipe.learning_rate)
            loss_of = partial(method.loss, view, generator)
            total += step(method, self.optimiser, loss_of, rate) * len(rows)
            method.after_step((done + number) / steps)
            step_done()
        loss = float(total) / len(order)
        check_finite(loss, len(self.history) + 1, recipe)
        return {"train_loss": loss, **method.figures(), "learning_rate": rate}

    def record(self, row: dict[str, float]) -> None:
        self._history.append(row)

    def finished(self) -> bool:
        return len(self._history) >= self.epochs

    def to_dict(self) -> dict[str, Any]:
        return {
            "method": self.method.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "history": self._history,
        }

    def restore(self, content: dict[str, Any]) -> None:
        self.method.load_state_dict(content["method"])
        self.optimiser.load_state_dict(content["optimiser"])
        self._history = content["history"]
