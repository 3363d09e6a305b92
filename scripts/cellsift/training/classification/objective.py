"""The loss by which a network is trained in one step."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F

from cellsift.models.contract import Batch, Network


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


def batch_loss(model: Network, batch: Batch, softening: Softening) -> torch.Tensor:
    """Return the network's own loss of a batch, or else the weighted cross entropy."""
    if model.has_own_loss:
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


def _cross_entropy(
    logits: torch.Tensor, targets: torch.Tensor, batch: Batch, softening: Softening
) -> torch.Tensor:
    return F.cross_entropy(
        logits.float(), targets, weight=batch.weights, label_smoothing=softening.label_smoothing
    )
