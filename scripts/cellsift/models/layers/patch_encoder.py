"""Patches of a cuboid as tokens, encoded by blocks of self-attention.

The encoder of a vision transformer (Dosovitskiy et al. 2021, arXiv 2010.11929, section 3.1);
patches that are also cut along z are our extension. The blocks are our own: MONAI's bring a
normalisation layer that nothing uses and no stochastic depth (Huang et al. 2016, arXiv 1603.09382).
"""

from collections.abc import Callable, Iterable, Sequence
from math import prod
from typing import cast

import torch
import torch.nn.functional as F
from torch import nn

from cellsift.errors import InputError
from cellsift.io.axes import Shape
from cellsift.models.layers.planes import is_flat
from cellsift.models.layers.strides import LEAST_MAP
from cellsift.models.option_checks import check_share, check_three

FEATURE_EXPANSION = 4
LARGEST_PATCH = (5, 10, 10)
FEWEST_PATCHES = (4, 5, 5)
INITIAL_SPREAD = 0.02


class PatchEncoder(nn.Module):
    """Cuboids (n, channel, z, y, x) as encoded tokens (n, token, feature).

    First come the special tokens (class, and teacher in DeiT), then the patches, in the order of
    z, y, x, the last fastest. With `keep`, only some patches of each cuboid are looked at: a
    masked autoencoder can be built around this class (He et al. 2022, arXiv 2111.06377), with
    `patches` as its targets and `grid`, `width` and `special_tokens` to lay out its decoder.

    Attributes:
        patch_size: voxels along z, y, x; two-dimensional, with planes as channels: along y, x.
        grid: patches along the same axes.
        width: features of a token.
        special_tokens: how many tokens come before those of the patches.
        map: passes the patches' tokens on as (n, feature, z, y, x), or (n, feature, y, x), before
            the block in the middle: the class token takes from there what it still reads. Not
            called with `keep`.
    """

    def __init__(
        self,
        in_channels: int,
        cuboid_shape: Shape,
        patch_size: Sequence[int] | None,
        width: int,
        depth: int,
        heads: int,
        *,
        dropout: float = 0.0,
        stochastic_depth: float = 0.0,
        planar: bool = False,
        special_tokens: int = 1,
    ):
        super().__init__()
        check_share("dropout", dropout)
        check_share("stochastic_depth", stochastic_depth)
        patch_size = patch_for(cuboid_shape, patch_size)
        dims = 2 if is_flat(cuboid_shape, planar) else 3
        self.size, self.patch_size = tuple(cuboid_shape[-dims:]), patch_size[-dims:]
        self.grid = tuple(-(-n // p) for n, p in zip(self.size, self.patch_size, strict=True))
        missing = [g * p - n for g, p, n in zip(self.grid, self.patch_size, self.size, strict=True)]
        # On both sides, so that the cell stays in the middle.
        self.margins = [(n // 2, n - n // 2) for n in missing]
        self.width, self.special_tokens = width, special_tokens
        channels = in_channels if dims == 3 else in_channels * cuboid_shape[0]
        self.embedding = nn.Linear(channels * prod(self.patch_size), width)
        self.positions = nn.Parameter(torch.empty(prod(self.grid), width))
        self.special = nn.Parameter(torch.empty(special_tokens, width))
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(
            Block(width, heads, dropout, stochastic_depth * index / max(1, depth - 1))
            for index in range(depth)
        )
        self.map = nn.Identity()
        self.norm = nn.LayerNorm(width)
        self.apply(initialise)
        for parameter in (self.positions, self.special):
            nn.init.trunc_normal_(parameter, std=INITIAL_SPREAD)

    def forward(self, x: torch.Tensor, keep: torch.Tensor | None = None) -> torch.Tensor:
        """Return the encoded tokens of cuboids; `keep` as in `tokens`."""
        return self.encode(self.tokens(x, keep))

    def patches(self, x: torch.Tensor) -> torch.Tensor:
        """Return the voxels (n, patch, voxel) of every patch, channel by channel, z, y, x."""
        if len(self.grid) == 2:
            x = x.flatten(1, 2)
        x = F.pad(x, [n for before_after in reversed(self.margins) for n in before_after])
        steps = [n for pair in zip(self.grid, self.patch_size, strict=True) for n in pair]
        x = x.reshape(*x.shape[:2], *steps)
        of_grid, of_patch = range(2, x.ndim, 2), range(3, x.ndim, 2)
        return x.permute(0, *of_grid, 1, *of_patch).flatten(1, len(self.grid)).flatten(2)

    def tokens(self, x: torch.Tensor, keep: torch.Tensor | None = None) -> torch.Tensor:
        """Return the embedded tokens, special ones first, with the patches' position codes.

        Args:
            x: cuboids (n, channel, z, y, x).
            keep: indices (n, k) of the patches to embed, in the order in which their tokens are
                wanted; all of them by default.
        """
        patches = self.patches(x)
        if keep is None:
            embedded = self.embedding(patches) + self.positions
        else:
            kept = patches.gather(1, keep[..., None].expand(-1, -1, patches.shape[-1]))
            embedded = self.embedding(kept) + self.positions[keep]
        special = self.special.expand(embedded.shape[0], -1, -1)
        return self.dropout(torch.cat([special, embedded], dim=1))

    def encode(self, tokens: torch.Tensor) -> torch.Tensor:
        """Return tokens from `tokens` after all blocks and the last normalisation."""
        all_are_there = tokens.shape[1] == self.special_tokens + prod(self.grid)
        middle = len(self.blocks) // 2
        for index, block in enumerate(self.blocks):
            mapped = all_are_there and index == middle
            tokens = block(tokens, self._through_map if mapped else None)
        return self.norm(tokens)

    def attention_maps(self, x: torch.Tensor) -> torch.Tensor:
        """Return the attention (n, block, head, token, token) of each token (row) to all others."""
        tokens, maps = self.tokens(x), []
        for block in cast(Iterable[Block], self.blocks):
            maps.append(block.attention.weights(block.norm_a(tokens)))
            tokens = block(tokens)
        return torch.stack(maps, dim=1)

    def on_voxels(self, values: torch.Tensor) -> torch.Tensor:
        """Return values (n, patch) laid out as voxels (n, z, y, x), each patch uniform.

        In a two-dimensional network: (n, y, x).
        """
        values = values.unflatten(1, self.grid)
        for axis, patch in enumerate(self.patch_size, start=1):
            values = values.repeat_interleave(patch, dim=axis)
        inside = [
            slice(before, before + n)
            for (before, _), n in zip(self.margins, self.size, strict=True)
        ]
        return values[(slice(None), *inside)]

    def _through_map(self, tokens: torch.Tensor) -> torch.Tensor:
        special, patches = tokens[:, : self.special_tokens], tokens[:, self.special_tokens :]
        patches = self.map(patches.transpose(1, 2).unflatten(2, self.grid))
        return torch.cat([special, patches.flatten(2).transpose(1, 2)], dim=1)


class Block(nn.Module):
    """Self-attention and a small network per token, each added to what it is given."""

    def __init__(self, width: int, heads: int, dropout: float, stochastic_depth: float):
        super().__init__()
        self.norm_a = nn.LayerNorm(width)
        self.attention = Attention(width, heads, dropout)
        self.norm_b = nn.LayerNorm(width)
        self.network = nn.Sequential(
            nn.Linear(width, width * FEATURE_EXPANSION),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(width * FEATURE_EXPANSION, width),
            nn.Dropout(dropout),
        )
        self.skip = StochasticDepth(stochastic_depth)

    def forward(
        self, x: torch.Tensor, through: Callable[[torch.Tensor], torch.Tensor] | None = None
    ) -> torch.Tensor:
        """Return tokens (n, token, feature); normalised, they go `through` to the attention."""
        normalised = self.norm_a(x)
        x = x + self.skip(self.attention(through(normalised) if through else normalised))
        return x + self.skip(self.network(self.norm_b(x)))


class Attention(nn.Module):
    """Self-attention of several heads (Vaswani et al. 2017, arXiv 1706.03762)."""

    def __init__(self, width: int, heads: int, dropout: float):
        super().__init__()
        self.heads = heads
        self.query_key_value = nn.Linear(width, 3 * width)
        self.project = nn.Linear(width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        query, key, value = self._split(x)
        x = F.scaled_dot_product_attention(query, key, value)
        return self.dropout(self.project(x.transpose(1, 2).flatten(2)))

    def weights(self, x: torch.Tensor) -> torch.Tensor:
        """Return the attention (n, head, token, token) that `forward` pays; rows sum to 1."""
        query, key, _ = self._split(x)
        return torch.softmax(query @ key.transpose(2, 3) / query.shape[-1] ** 0.5, dim=-1)

    def _split(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return queries, keys and values, each (n, head, token, feature)."""
        x = self.query_key_value(x).unflatten(2, (3, self.heads, -1))
        query, key, value = x.permute(2, 0, 3, 1, 4).unbind(0)
        return query, key, value


class StochasticDepth(nn.Module):
    """While training, set a branch to zero for a share of the cuboids and enlarge the others."""

    def __init__(self, share: float):
        super().__init__()
        self.share = share

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training or not self.share:
            return x
        return x * F.dropout(torch.ones_like(x[:, :1, :1]), self.share)


def patch_for(shape: Shape, patch_size: Sequence[int] | None = None) -> Shape:
    """Return the size of the patches (z, y, x) into which a cuboid is cut.

    Raises:
        InputError: a size that is not three whole numbers, or that leaves too few patches.
    """
    if patch_size is None:
        patch_size = [
            min(largest, -(-n // fewest))
            for n, largest, fewest in zip(shape, LARGEST_PATCH, FEWEST_PATCHES, strict=True)
        ]
    check_three("patch_size", patch_size)
    if any(-(-n // p) < LEAST_MAP for n, p in zip(shape[1:], patch_size[1:], strict=True)):
        raise InputError(
            f"patches of {list(patch_size)} voxels (z, y, x) cut a cuboid of {list(shape)} into "
            f"fewer than {LEAST_MAP} along y or x; give smaller patches or larger cuboids"
        )
    z, y, x = map(int, patch_size)
    return z, y, x


def initialise(module: nn.Module) -> None:
    """Draw the weights of a linear layer as vision transformers do."""
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=INITIAL_SPREAD)
        nn.init.zeros_(module.bias)
