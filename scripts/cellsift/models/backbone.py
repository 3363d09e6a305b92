"""The two parts of a network: the backbone, which makes features, and the head, which judges them.

What the head is, every network says itself by its `heads` (`models.contract`).
"""

import torch
from torch import nn

from cellsift.errors import InputError
from cellsift.models.contract import Network


def head_tensors(model: Network) -> set[str]:
    """Return the names in `model.state_dict()` that belong to the head; the rest is backbone."""
    return {
        name
        for name in model.state_dict()
        if any(name == head or name.startswith(f"{head}.") for head in model.heads)
    }


def head_parameters(model: Network) -> list[nn.Parameter]:
    """Return the parameters of the head; with `backbone_parameters` all, each once."""
    of_head = head_tensors(model)
    return [parameter for name, parameter in model.named_parameters() if name in of_head]


def backbone_parameters(model: Network) -> list[nn.Parameter]:
    """Return the parameters of the backbone: those to freeze while only the head learns.

    Batch normalisation also has running statistics, which freezing parameters does not stop.
    """
    of_head = head_tensors(model)
    return [parameter for name, parameter in model.named_parameters() if name not in of_head]


def check_backbone(architecture: str, model: Network) -> None:
    """Raise InputError for a network that has no backbone with parameters."""
    if not backbone_parameters(model):
        raise InputError(
            f"architecture '{architecture}' has no weights that are learnt by steps; choose a "
            "network"
        )


def features(model: Network, x: torch.Tensor) -> torch.Tensor:
    """Return the features (n, feature) of cuboids (n, channel, z, y, x): what the head is given.

    Of a head that takes a map, the mean over the map. Gradients flow into the backbone.
    """
    taken = []
    head = model.get_submodule(model.heads[0])
    hook = head.register_forward_pre_hook(lambda _, inputs: taken.append(inputs[0]))
    try:
        model(x)
    finally:
        hook.remove()
    return taken[0].flatten(2).mean(dim=2) if taken[0].ndim > 2 else taken[0]
