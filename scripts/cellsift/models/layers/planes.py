"""Two-dimensional networks on cuboids, for labs that image slices: planes become channels."""

from dataclasses import replace

import torch
from torch import nn

from cellsift.errors import InputError
from cellsift.io.axes import Shape
from cellsift.models.contract import Batch, Network


def is_flat(shape: Shape, planes_as_channels: bool) -> bool:
    """Whether to build a network of images: asked for, or the cuboid is a single plane."""
    if not isinstance(planes_as_channels, bool):
        raise InputError(f"planes_as_channels is {planes_as_channels!r}; give true or false")
    return planes_as_channels or shape[0] == 1


class PlanesAsChannels(Network):
    """Give a network of images cuboids (n, channel, z, y, x) as images (n, channel * z, y, x).

    Its heads, loss, maps and what it learns from are the network of images' own. Raises TypeError,
    for the author of a family, for one that is fitted at once, or has prototypes or a patch
    encoder: these are made for cuboids.
    """

    def __init__(self, network: Network):
        super().__init__()
        has_encoder = network.patch_encoder is not None
        if network.fitted_at_once or network.has_prototypes or has_encoder:
            raise TypeError(
                f"{type(network).__name__} cannot take planes as channels: it is fitted at once, "
                "or has prototypes or a patch encoder, which are made for cuboids"
            )
        self.network = network
        self.heads = tuple(f"network.{name}" for name in network.heads)
        self.gradients_in_place = network.gradients_in_place
        self.learns_from_teacher = network.learns_from_teacher
        self.share_without_labels = network.share_without_labels
        self.own_map_names = network.own_map_names
        self.own_maps_file = network.own_maps_file

    @property
    def gradcam_layer(self) -> nn.Module | None:
        """The image network's own; its map is (n, feature, y, x)."""
        return self.network.gradcam_layer

    @property
    def has_own_loss(self) -> bool:
        """Whether the image network has."""
        return self.network.has_own_loss

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.network(images_of(x))

    def loss(self, batch: Batch) -> torch.Tensor:
        """Return the image network's loss of a batch."""
        of_images = replace(
            batch, inputs=images_of(batch.inputs), view=lambda: images_of(batch.view())
        )
        return self.network.loss(of_images)

    def after_step(self) -> None:
        """Let the image network follow a step."""
        self.network.after_step()

    def own_maps(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Return the image network's own maps as (n, 1, y, x): one for all planes."""
        return [image.unsqueeze(1) for image in self.network.own_maps(images_of(x))]


def images_of(cuboids: torch.Tensor) -> torch.Tensor:
    """Return cuboids (n, channel, z, y, x) as images (n, channel * z, y, x)."""
    return cuboids.flatten(1, 2)
