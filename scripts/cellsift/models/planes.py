"""Two-dimensional networks on cuboids, for labs that image slices: planes become channels."""

import torch
from torch import nn


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
