"""The steps of a training: optimiser, learning rate, class weights, batch normalisation."""

import math
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn, update_bn

from cellsift.errors import TrainingDiverged
from cellsift.settings.pretraining import PretrainingRecipe
from cellsift.settings.recipe import Recipe
from cellsift.training.adamw import EagerAdamW

WARM_UP = 0.05  # of all steps
LARGEST_GRADIENT = 1.0


def make_optimiser(model: nn.Module, weight_decay: float) -> EagerAdamW:
    """Return AdamW that leaves biases and the parameters of normalisation layers undecayed."""
    parameters = [p for p in model.parameters() if p.requires_grad]
    return EagerAdamW(
        [
            {"params": [p for p in parameters if p.ndim > 1], "weight_decay": weight_decay},
            {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
        ]
    )


def learning_rate_at(step: int, steps: int, highest: float) -> float:
    """Return the learning rate of a step: a short linear rise, then a cosine to zero."""
    rise = max(1, round(steps * WARM_UP))
    if step < rise:
        return highest * (step + 1) / rise
    return highest * 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, steps - rise)))


def even_batches(count: int, batch_size: int) -> list[slice]:
    """Return slices that cut `count` rows into near-equal batches of at most `batch_size`.

    A tiny last batch would give batch normalisation statistics of a few cuboids only. None of
    several is of less than two where `batch_size` is three or more.
    """
    edges = np.linspace(0, count, math.ceil(count / batch_size) + 1).round().astype(int)
    return [slice(start, stop) for start, stop in zip(edges[:-1], edges[1:], strict=True)]


def class_weights(is_cell: np.ndarray, kind: str) -> tuple[float, float]:
    """Return the weights of (no cell, cell); "balanced" makes both classes' sums equal."""
    if kind == "none":
        return 1.0, 1.0
    cells = int(is_cell.sum())
    return len(is_cell) / (2 * (len(is_cell) - cells)), len(is_cell) / (2 * cells)


def step(
    model: nn.Module,
    optimiser: torch.optim.Optimizer,
    loss_of: Callable[[], torch.Tensor],
    learning_rate: float,
) -> torch.Tensor:
    """Take one step down the loss that `loss_of` computes, and return it.

    On a GPU the loss is computed in bfloat16 where that is safe.
    """
    for group in optimiser.param_groups:
        group["lr"] = learning_rate
    device = next(model.parameters()).device.type
    with torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):
        loss = loss_of()
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), LARGEST_GRADIENT)
    optimiser.step()
    return loss.detach()


def check_finite(loss: float, epoch: int, recipe: Recipe | PretrainingRecipe) -> None:
    """Raise TrainingDiverged, with what to change in the recipe, for a loss that is not finite."""
    if not math.isfinite(loss):
        raise TrainingDiverged(
            f"the training loss is {loss} in epoch {epoch}: the training diverged; "
            f"set a learning_rate below {recipe.learning_rate:g}"
            + (", or normalisation to brain" if recipe.normalisation == "linear" else "")
        )


def make_moving_average(model: nn.Module, decay: float) -> AveragedModel | None:
    """Return a copy that follows a network's weights as they were lately; None for decay 0.

    After every step it keeps `decay` of itself and takes the rest from the network (exponential
    moving average; Polyak and Juditsky 1992 on why averages of weights do better than the last).
    """
    if not decay:
        return None
    return AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(decay))


def recalibrate_batch_norm(model: nn.Module, batches: Iterator[torch.Tensor]) -> None:
    """Set the statistics that batch normalisation uses outside training to those of `batches`.

    Its running averages trail behind in short trainings, and a network judged with them can give
    one answer to everything. Networks without batch normalisation are left alone.
    """
    model.train()
    with torch.no_grad():
        update_bn(batches, model)


def validation_loss(logits: np.ndarray, is_cell: np.ndarray, weights: tuple[float, float]) -> float:
    """Return the weighted cross entropy of logits of cell against no cell, as trained on."""
    weight = np.where(is_cell, weights[1], weights[0])
    losses = np.logaddexp(0, np.where(is_cell, -logits, logits))
    return float((weight * losses).sum() / weight.sum())
