"""Two-dimensional networks on cuboids, for labs that image slices: planes become channels."""

import torch
from torch import nn

from cellsift.errors import InputError

Shape = tuple[int, int, int]

# By the number of axes of a map.
CONVOLUTIONS = {2: nn.Conv2d, 3: nn.Conv3d}
NORMALISATIONS = {2: nn.BatchNorm2d, 3: nn.BatchNorm3d}
MAX_POOLING = {2: nn.MaxPool2d, 3: nn.MaxPool3d}


def is_flat(shape: Shape, planes_as_channels: bool) -> bool:
    """Whether to build a network of images: asked for, or the cuboid is a single plane."""
    if not isinstance(planes_as_channels, bool):
        raise InputError(f"planes_as_channels is {planes_as_channels!r}; give true or false")
    return planes_as_channels or shape[0] == 1


class PlanesAsChannels(nn.Module):
    """Give a network of images cuboids (n, channel, z, y, x) as images (n, channel * z, y, x)."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    @property
    def gradcam_layer(self) -> nn.Module:
        """The image network's own; its map is (n, feature, y, x)."""
        return self.network.gradcam_layer

    @property
    def gradients_in_place(self) -> bool:
        """The image network's own."""
        return getattr(self.network, "gradients_in_place", False)

    @property
    def heads(self) -> tuple[str, ...]:
        """The image network's own."""
        return tuple(f"network.{name}" for name in self.network.heads)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.network(x.flatten(1, 2))
