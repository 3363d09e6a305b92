"""The methods of pre-training by name."""

from collections.abc import Mapping
from typing import Any

from cellsift.models.backbone import check_backbone
from cellsift.models.contract import Network
from cellsift.training.pretraining import mae
from cellsift.training.pretraining.dino import Dino
from cellsift.training.pretraining.mae import MaskedAutoencoder

METHODS: dict[str, type[MaskedAutoencoder] | type[Dino]] = {
    "mae": MaskedAutoencoder,
    "dino": Dino,
}
Method = MaskedAutoencoder | Dino


def check_method(method: str, architecture: str, network: Network) -> None:
    """Raise InputError unless the method can train this network."""
    check_backbone(architecture, network)
    if method == "mae":
        mae.check_network(architecture, network)


def make_method(
    method: str,
    network: Network,
    in_channels: int,
    cuboid_shape: tuple[int, int, int],
    settings: Mapping[str, Any],
) -> Method:
    """Return a network in the hands of a method, with the method's own settings.

    `loss(view, generator)` gives the loss of a batch, `after_step(progress)` follows every step of
    the optimiser, `figures()` tells more of an epoch, `network` is what has learnt.
    """
    return METHODS[method](network, in_channels, cuboid_shape, **settings)
