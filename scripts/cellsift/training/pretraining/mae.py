"""Masked autoencoding: a transformer learns by filling in the patches that it is not shown.

He et al., "Masked autoencoders are scalable vision learners" (CVPR 2022, arXiv 2111.06377,
section 3): most patches are hidden, the encoder sees the others alone, and a small decoder, which
is thrown away afterwards, reconstructs the voxels of the hidden ones. Patches that are also cut
along z, and learnt position codes in the decoder, are ours.
"""

from collections.abc import Callable
from math import prod

import torch
from torch import nn

from cellsift.errors import InputError
from cellsift.io.axes import Shape
from cellsift.models.contract import Network
from cellsift.models.layers.patch_encoder import INITIAL_SPREAD, Block, PatchEncoder

DECODER_DEPTH = 2
DECODER_HEADS = 4
LEAST_DECODER_WIDTH = 32
TINY = 1e-6


class MaskedAutoencoder(nn.Module):
    """A vision transformer with a decoder that reconstructs what was hidden from it.

    Args:
        network: one with a `patch_encoder`; this learns in place, its head not at all.
        in_channels: of the cuboids.
        cuboid_shape: voxels along z, y, x.
        mask_ratio: share of the patches that are hidden; at least one is, and one is not.
        normalised_targets: whether every patch's voxels are brought to mean 0 and deviation 1
            before they are compared (the paper's "normalized pixel values").
    """

    FIGURES = ()
    inside: torch.Tensor

    def __init__(
        self,
        network: Network,
        in_channels: int,
        cuboid_shape: Shape,
        *,
        mask_ratio: float = 0.75,
        normalised_targets: bool = True,
    ):
        super().__init__()
        self.network = network
        self.normalised_targets = normalised_targets
        encoder = self.encoder
        count, width = prod(encoder.grid), decoder_width(encoder.width)
        self.visible = min(count - 1, max(1, round(count * (1 - mask_ratio))))
        # Voxels by which cuboids were padded to whole patches are no task.
        inside = encoder.patches(torch.ones(1, in_channels, *cuboid_shape))
        self.register_buffer("inside", inside, persistent=False)
        self.embedding = nn.Linear(encoder.width, width)
        self.positions = nn.Parameter(torch.empty(encoder.special_tokens + count, width))
        self.hidden_token = nn.Parameter(torch.empty(width))
        for parameter in (self.positions, self.hidden_token):
            nn.init.normal_(parameter, std=INITIAL_SPREAD)
        self.blocks = nn.Sequential(
            *(Block(width, DECODER_HEADS, 0.0, 0.0) for _ in range(DECODER_DEPTH))
        )
        self.norm = nn.LayerNorm(width)
        self.prediction = nn.Linear(width, inside.shape[-1])

    @property
    def encoder(self) -> PatchEncoder:
        """The encoder that learns, a part of the network."""
        encoder = self.network.patch_encoder
        assert encoder is not None
        return encoder

    def loss(self, view: Callable[[], torch.Tensor], generator: torch.Generator) -> torch.Tensor:
        """Return the mean squared error on the hidden patches of a batch.

        Args:
            view: gives the cuboids (n, channel, z, y, x), newly varied with every call.
            generator: draws which patches are hidden; on the cuboids' device.
        """
        cuboids = view()
        predicted, hidden = self.reconstruct(cuboids, generator)
        error = (predicted.float() - self.targets(cuboids)).square()
        counted = hidden[..., None] * self.inside
        return (error * counted).sum() / counted.sum()

    def reconstruct(
        self, cuboids: torch.Tensor, generator: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return predicted voxels (n, patch, voxel) and, per patch (n, patch), if it was hidden."""
        order = random_order(len(cuboids), self.inside.shape[1], generator)
        rank = order.argsort(dim=1)
        encoder = self.encoder
        tokens = self.embedding(encoder(cuboids, keep=order[:, : self.visible]))
        special, visible = tokens.split([encoder.special_tokens, self.visible], dim=1)
        filled = torch.cat(
            [visible, self.hidden_token.to(visible.dtype).expand(*self._hidden(order), -1)], dim=1
        )
        patches = filled.gather(1, rank[..., None].expand(-1, -1, filled.shape[-1]))
        decoded = self.norm(self.blocks(torch.cat([special, patches], dim=1) + self.positions))
        return self.prediction(decoded[:, encoder.special_tokens :]), rank >= self.visible

    def targets(self, cuboids: torch.Tensor) -> torch.Tensor:
        """Return the voxels (n, patch, voxel) to predict, ordered as `PatchEncoder.patches`."""
        patches = self.encoder.patches(cuboids)
        if not self.normalised_targets:
            return patches
        count = self.inside.sum(dim=2, keepdim=True).clamp(min=1)
        centred = (patches - (patches * self.inside).sum(dim=2, keepdim=True) / count) * self.inside
        variance = centred.square().sum(dim=2, keepdim=True) / count
        return centred / (variance + TINY).sqrt()

    def after_step(self, progress: float) -> None:
        """Nothing follows a step."""

    def figures(self) -> dict[str, float]:
        """Return no more figures than the loss."""
        return {}

    def _hidden(self, order: torch.Tensor) -> tuple[int, int]:
        return len(order), order.shape[1] - self.visible


def check_network(architecture: str, network: Network) -> None:
    """Raise InputError for a network without an encoder of patches."""
    if network.patch_encoder is None:
        raise InputError(
            f"method mae hides patches from a vision transformer, which '{architecture}' is not; "
            "choose method dino, or architecture vit3d"
        )


def random_order(cuboids: int, patches: int, generator: torch.Generator) -> torch.Tensor:
    """Return for every cuboid its patches' numbers (n, patch) in an order of its own."""
    drawn = torch.rand(cuboids, patches, generator=generator, device=generator.device)
    return drawn.argsort(dim=1)


def decoder_width(width: int) -> int:
    """Return the features of a decoder's token: half of the encoder's, a multiple of the heads."""
    return max(LEAST_DECODER_WIDTH, width // 2 // DECODER_HEADS * DECODER_HEADS)
