"""The training of a network on the cuboids of all folds but one, judged on that one."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from cellsift.evaluation.average_precision import average_precision
from cellsift.inference.scoring import Scorer, score
from cellsift.models.backbone import backbone_parameters
from cellsift.settings.recipe import Recipe
from cellsift.training.classification.augmented_batches import AugmentedBatches
from cellsift.training.classification.fitting import fit_at_once
from cellsift.training.classification.fold_data import FoldData
from cellsift.training.classification.objective import Softening, batch_loss
from cellsift.training.classification.state import TrainingState
from cellsift.training.engine import Training
from cellsift.training.optimisation import (
    check_finite,
    class_weights,
    learning_rate_at,
    recalibrate_batch_norm,
    step,
    validation_loss,
)
from cellsift.training.progress import Row
from cellsift.training.seeds import seed_of

# Training cuboids, not augmented, from which batch normalisation takes its statistics for use.
RECALIBRATION_CUBOIDS = 512


class FoldTraining(Training):
    """Trains a network with one fold held out, and keeps what was best there.

    A network that is fitted at once has one epoch of one step.
    """

    def __init__(self, title: str, curves: Path, state: TrainingState, batches: AugmentedBatches):
        self.title, self.curves = title, curves
        self.state, self.batches, self.recipe = state, batches, batches.recipe
        self.epochs = 1 if state.model.fitted_at_once else self.recipe.epochs
        self.steps = 1 if state.model.fitted_at_once else len(batches.slices)
        # By these the learning rate falls.
        self.scheduled = self.epochs
        self._logits = np.empty(0)

    @property
    def history(self) -> Sequence[Row]:
        return self.state.history

    def train_epoch(self, seed: int, step_done: Callable[[], None]) -> dict[str, float]:
        """Train for one epoch, and judge the network on the held-out fold."""
        trained = self.learn(seed, step_done)
        state, batches, data = self.state, self.batches, self.batches.data
        assert isinstance(data, FoldData)
        scorer = Scorer(
            state.judged.eval(),
            batches.normalisation,
            test_time_augmentation=self.recipe.test_time_augmentation,
        )
        self._logits = score([scorer], data.held_out, batches.device)[:, 0]
        return {**trained, **held_out_figures(self._logits, data, self.recipe)}

    def learn(self, seed: int, step_done: Callable[[], None]) -> dict[str, float]:
        """Train for one epoch, without a look at what is held out."""
        state, batches = self.state, self.batches
        if state.model.fitted_at_once:
            return fit_at_once(state.model, batches, seed)
        trained = self._take_steps(seed, step_done)
        recalibrate_batch_norm(state.judged, batches.plain(RECALIBRATION_CUBOIDS))
        return trained

    def record(self, row: dict[str, float]) -> None:
        self.state.record(row, self._logits)

    def finished(self) -> bool:
        return self.state.finished(self.epochs, self.recipe.patience, self.recipe.frozen_epochs)

    def to_dict(self) -> dict[str, Any]:
        return self.state.to_dict()

    def restore(self, content: dict[str, Any]) -> None:
        self.state.restore(content)

    def _take_steps(self, seed: int, step_done: Callable[[], None]) -> dict[str, float]:
        """Pass once through the training cuboids, in random order and varied."""
        torch.manual_seed(seed)
        state, batches, recipe = self.state, self.batches, self.recipe
        count = len(batches.data.training)
        order = np.random.default_rng(seed).permutation(count)
        softening = Softening(recipe.label_smoothing, recipe.mixup)
        done, steps = state.epoch * self.steps, self.scheduled * self.steps
        total = torch.zeros((), device=batches.device)
        state.model.train()
        for parameter in backbone_parameters(state.model):
            parameter.requires_grad_(state.epoch >= recipe.frozen_epochs)
        for number, chosen in enumerate(batches.slices):
            rows = order[chosen]
            batch = batches.batch(rows, seed_of(seed, number), (done + number) / steps)
            rate = learning_rate_at(done + number, steps, recipe.learning_rate)
            loss_of = partial(batch_loss, state.model, batch, softening)
            total += step(state.model, state.optimiser, loss_of, rate) * len(rows)
            state.model.after_step()
            if state.average is not None:
                state.average.update_parameters(state.model)
            step_done()
        train_loss = float(total) / count
        check_finite(train_loss, state.epoch + 1, recipe)
        return {"train_loss": train_loss, "learning_rate": rate}


def held_out_figures(logits: np.ndarray, data: FoldData, recipe: Recipe) -> dict[str, float]:
    """Return loss and average precision on the labelled ones of the held-out candidates.

    Args:
        logits: of cell against no cell (n,), of all that are held out.
    """
    is_cell, logits = data.held_out_is_cell, logits[data.held_out_labelled]
    weights = class_weights(data.is_cell, recipe.class_weights)
    return {
        "validation_loss": validation_loss(logits, is_cell, weights),
        "average_precision": average_precision(is_cell, logits),
    }
