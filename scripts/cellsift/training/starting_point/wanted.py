"""The network that weights are wanted for."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from cellsift.models import complete_options, create_model
from cellsift.models.contract import Network


@dataclass(frozen=True)
class WantedNetwork:
    """A network and what it is fed.

    Attributes:
        options: the architecture's own, as in the arm.
        in_channels: of the cuboids.
        cuboid_shape: voxels along z, y, x.
        voxel_size: of the cuboids, µm, z, y, x.
        normalisation: what the recipe calls it.
    """

    architecture: str
    options: Mapping[str, Any]
    in_channels: int
    cuboid_shape: tuple[int, int, int]
    voxel_size: tuple[float, float, float]
    normalisation: str

    def on_meta_device(self) -> Network:
        """Return the network without weights: nothing is allocated, no random number drawn."""
        with torch.device("meta"):
            return create_model(
                self.architecture, self.in_channels, self.cuboid_shape, **self.options
            )

    def is_same(self, architecture: str, options: Mapping[str, Any]) -> bool:
        """Return whether these stand for the same network, with defaults spelled out or not."""
        return architecture == self.architecture and (
            complete_options(architecture, options) == complete_options(architecture, self.options)
        )

    def __str__(self) -> str:
        return describe_network(self.architecture, self.options)


def describe_network(architecture: str, options: Mapping[str, Any]) -> str:
    """Return an architecture and its options in words, for a message."""
    whole = complete_options(architecture, options)
    return f"{architecture} {{{', '.join(f'{key}: {value}' for key, value in whole.items())}}}"
