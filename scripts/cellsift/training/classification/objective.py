"""What a network is trained on in one step, and the loss it is trained by."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn


@dataclass(frozen=True)
class Batch:
    """Varied cuboids and what is known of them; `loss(batch)` of a network may use any of it.

    Attributes:
        inputs: float32 (n, channel, z, y, x), normalised.
        targets: int64 (n,), 1 for a cell.
        weights: float32 (2,), of no cell and cell.
        progress: share of the training that is done, 0 to below 1.
        view: gives the same cuboids, moved alike, with other gain, blur and noise.
        teacher: logits (n, 2) of the recipe's teacher on the same varied cuboids, or None.
    """

    inputs: torch.Tensor
    targets: torch.Tensor
    weights: torch.Tensor
    progress: float
    view: Callable[[], torch.Tensor]
    teacher: torch.Tensor | None = None


@dataclass(frozen=True)
class Softening:
    """How far the targets of cross entropy are softened.

    Attributes:
        label_smoothing: share of every target that goes to both classes alike (Szegedy et al.
            2016, arXiv 1512.00567, section 7).
        mixup: both parameters of the beta distribution from which the share of a second cuboid
            is drawn that is mixed into each (Zhang et al. 2018, arXiv 1710.09412); 0 for none.
    """

    label_smoothing: float = 0.0
    mixup: float = 0.0


def has_own_loss(model: nn.Module) -> bool:
    """Return whether a network brings a loss of its own, to which `Softening` means nothing."""
    return hasattr(model, "loss")


def batch_loss(model: nn.Module, batch: Batch, softening: Softening) -> torch.Tensor:
    """Return the network's own loss of a batch, or else the weighted cross entropy."""
    if has_own_loss(model):
        return model.loss(batch)
    if not softening.mixup:
        return _cross_entropy(model(batch.inputs), batch.targets, batch, softening)
    partner = torch.randperm(len(batch.inputs), device=batch.inputs.device)
    concentration = torch.tensor(softening.mixup)
    share = float(torch.distributions.Beta(concentration, concentration).sample())
    logits = model(share * batch.inputs + (1 - share) * batch.inputs[partner])
    own, others = (
        _cross_entropy(logits, targets, batch, softening)
        for targets in (batch.targets, batch.targets[partner])
    )
    return share * own + (1 - share) * others


def after_step(model: nn.Module) -> None:
    """Let a network follow a step of the optimiser, if it has `after_step`."""
    if hasattr(model, "after_step"):
        model.after_step()


def _cross_entropy(
    logits: torch.Tensor, targets: torch.Tensor, batch: Batch, softening: Softening
) -> torch.Tensor:
    return F.cross_entropy(
        logits.float(), targets, weight=batch.weights, label_smoothing=softening.label_smoothing
    )
