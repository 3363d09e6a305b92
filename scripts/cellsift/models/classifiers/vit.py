"""Vision transformers on patches of a cuboid, and their data-efficient kin with a teacher.

`vit3d` is Dosovitskiy et al., "An image is worth 16x16 words" (ICLR 2021, arXiv 2010.11929,
section 3.1): patches become tokens, a learnt code says where each was, a class token reads them
through blocks of self-attention, and one linear layer reads the class token.
`deit3d` is Touvron et al., "Training data-efficient image transformers and distillation through
attention" (ICML 2021, arXiv 2012.12877): a second token learns what a teacher decides.

Both papers are about images; patches that are also cut along z are our extension. Stochastic
depth (Huang et al. 2016, arXiv 1603.09382) is as in DeiT. The blocks are our own: MONAI's bring a
normalisation layer that nothing uses and no stochastic depth.
"""

from collections.abc import Callable, Sequence
from math import log, prod

import torch
import torch.nn.functional as F
from torch import nn

from cellsift.errors import InputError
from cellsift.models.layers.planes import is_flat
from cellsift.models.registry import architecture, check_whole_number

Shape = tuple[int, int, int]
Size = tuple[int, ...]  # along z, y, x, or along y, x

# Width, depth and heads of DeiT's Ti, S and B; the last is also ViT's.
SIZES = {"tiny": (192, 12, 3), "small": (384, 12, 6), "base": (768, 12, 12)}
FEATURE_EXPANSION = 4
LARGEST_PATCH = (5, 10, 10)
FEWEST_PATCHES = (4, 5, 5)
# Below three steps per axis a saliency map does not say where in the cuboid it points.
LEAST_MAP = 3
INITIAL_SPREAD = 0.02


@architecture("vit3d")
def vit3d(
    in_channels: int,
    cuboid_shape: Shape,
    *,
    size: str = "tiny",
    width: int | None = None,
    depth: int | None = None,
    heads: int | None = None,
    patch_size: Sequence[int] | None = None,
    dropout: float = 0.0,
    stochastic_depth: float = 0.1,
    planes_as_channels: bool = False,
) -> nn.Module:
    """Return a vision transformer; a cuboid of one plane is always cut along y and x only.

    Args:
        in_channels: channels of the cuboid.
        cuboid_shape: voxels along z, y, x; at least 3 along y and x. It is padded with zeros to
            whole patches.
        size: tiny, small or base (5, 21 or 85 million parameters).
        width: features of a token, instead of the size's own. 48 with depth 4 trains on a laptop.
        depth: number of blocks, instead of the size's own.
        heads: of the attention, instead of the size's own; the width has to be a multiple.
        patch_size: voxels along z, y, x. By default (5, 10, 10), or less where that would give
            fewer than 4 x 5 x 5 patches.
        dropout: share of the features left out after every layer of a block while training.
        stochastic_depth: share of the cuboids that skip the last block while training; it grows
            evenly from 0 at the first block.
        planes_as_channels: whether the planes become channels of a two-dimensional network.
    """
    return VisionTransformer(
        PatchEncoder(
            in_channels,
            cuboid_shape,
            patch_size,
            *_layout(size, width, depth, heads),
            dropout=dropout,
            stochastic_depth=stochastic_depth,
            planar=planes_as_channels,
        )
    )


@architecture("deit3d")
def deit3d(
    in_channels: int,
    cuboid_shape: Shape,
    *,
    size: str = "tiny",
    width: int | None = None,
    depth: int | None = None,
    heads: int | None = None,
    patch_size: Sequence[int] | None = None,
    dropout: float = 0.0,
    stochastic_depth: float = 0.1,
    planes_as_channels: bool = False,
) -> nn.Module:
    """Return a vision transformer that also learns from a teacher, another arm of the same fold.

    The arm's recipe has to name the `teacher`. Options are those of `vit3d`.

    Args:
        in_channels: channels of the cuboid.
        cuboid_shape: voxels along z, y, x; at least 3 along y and x.
        size: tiny, small or base (5, 21 or 85 million parameters).
        width: features of a token, instead of the size's own.
        depth: number of blocks, instead of the size's own.
        heads: of the attention, instead of the size's own; the width has to be a multiple.
        patch_size: voxels along z, y, x; see `vit3d` for the default.
        dropout: share of the features left out after every layer of a block while training.
        stochastic_depth: share of the cuboids that skip the last block while training.
        planes_as_channels: whether the planes become channels of a two-dimensional network.
    """
    return DistilledTransformer(
        PatchEncoder(
            in_channels,
            cuboid_shape,
            patch_size,
            *_layout(size, width, depth, heads),
            dropout=dropout,
            stochastic_depth=stochastic_depth,
            planar=planes_as_channels,
            special_tokens=2,
        )
    )


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
        self.apply(_initialise)
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
        for block in self.blocks:
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
        x = F.scaled_dot_product_attention(*self._split(x))
        return self.dropout(self.project(x.transpose(1, 2).flatten(2)))

    def weights(self, x: torch.Tensor) -> torch.Tensor:
        """Return the attention (n, head, token, token) that `forward` pays; rows sum to 1."""
        query, key, _ = self._split(x)
        return torch.softmax(query @ key.transpose(2, 3) / query.shape[-1] ** 0.5, dim=-1)

    def _split(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Return queries, keys and values, each (n, head, token, feature)."""
        x = self.query_key_value(x).unflatten(2, (3, self.heads, -1))
        return x.permute(2, 0, 3, 1, 4).unbind(0)


class StochasticDepth(nn.Module):
    """While training, set a branch to zero for a share of the cuboids and enlarge the others."""

    def __init__(self, share: float):
        super().__init__()
        self.share = share

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training or not self.share:
            return x
        return x * F.dropout(torch.ones_like(x[:, :1, :1]), self.share)


class VisionTransformer(nn.Module):
    """A network for cuboids (n, channel, z, y, x) that gives logits (n, 2)."""

    heads = ("class_head",)
    gradients_in_place = True

    def __init__(self, encoder: PatchEncoder):
        super().__init__()
        self.encoder = encoder
        self.class_head = _head(encoder.width)

    @property
    def gradcam_layer(self) -> nn.Module:
        """The patches' normalised tokens, laid out as a map, that the middle block attends to.

        Towards the last blocks the tokens stand for their own patches ever less.
        """
        return self.encoder.map

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.class_head(self.encoder(x)[:, 0])

    def attention_maps(self, x: torch.Tensor) -> torch.Tensor:
        """Return the attention (n, block, head, token, token) of each token (row) to all others."""
        return self.encoder.attention_maps(x)

    def attention_rollout(self, x: torch.Tensor) -> torch.Tensor:
        """Return how much of each patch reaches the class token, per voxel (n, z, y, x).

        Attention rollout (Abnar and Zuidema, ACL 2020, arXiv 2005.00928): the mean over the
        heads, half of it the token itself because of the shortcut, multiplied through the
        blocks. In a two-dimensional network (n, y, x); with a teacher token, the mean of both.
        """
        maps = self.attention_maps(x).mean(dim=2)
        itself = torch.eye(maps.shape[-1], device=maps.device)
        flow = itself
        for of_block in maps.unbind(1):
            flow = (of_block + itself) / 2 @ flow
        special = self.encoder.special_tokens
        return self.encoder.on_voxels(flow[:, :special, special:].mean(dim=1))


class DistilledTransformer(VisionTransformer):
    """A vision transformer with a second token and head that follow a teacher."""

    learns_from_teacher = True
    heads = ("class_head", "teacher_head")

    def __init__(self, encoder: PatchEncoder):
        super().__init__(encoder)
        self.teacher_head = _head(encoder.width)

    def both(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the logits (n, 2) of the class head and of the teacher's head."""
        tokens = self.encoder(x)
        return self.class_head(tokens[:, 0]), self.teacher_head(tokens[:, 1])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the logarithm of the mean of both heads' probabilities.

        The paper adds the heads' softmax (section 4, "Classification with our approach"). Its
        code takes the mean of the logits, which with two classes favours the same one.
        """
        of_heads = torch.log_softmax(torch.stack(self.both(x)).float(), dim=-1)
        return of_heads.logsumexp(dim=0) - log(len(of_heads))

    def loss(self, batch) -> torch.Tensor:
        """Return half the cross entropy on the labels plus half that on the teacher's decision.

        Hard distillation, equation 3 of the paper; only the labels' half knows class weights.

        Args:
            batch: has `inputs`, `targets`, `weights` of the classes, and `teacher`, the logits
                (n, 2) of the teacher on the same inputs.
        """
        of_class, of_teacher = self.both(batch.inputs)
        on_labels = F.cross_entropy(of_class.float(), batch.targets, weight=batch.weights)
        on_teacher = F.cross_entropy(of_teacher.float(), batch.teacher.argmax(dim=1))
        return (on_labels + on_teacher) / 2


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
    return tuple(map(int, patch_size))


def check_three(what: str, values: Sequence[int]) -> None:
    """Raise InputError unless the values are three whole numbers from 1, along z, y, x."""
    if not isinstance(values, list | tuple) or len(values) != 3:
        raise InputError(f"{what} is {values!r}; give three numbers: z, y, x")
    for axis, value in zip("zyx", values, strict=True):
        check_whole_number(f"{what} along {axis}", value)


def check_share(what: str, value: float) -> None:
    """Raise InputError unless the value is a number from 0 to below 1."""
    numeric = isinstance(value, int | float) and not isinstance(value, bool)
    if not numeric or not 0 <= value < 1:
        raise InputError(f"{what} is {value!r}; give a number from 0 to below 1")


def _layout(
    size: str, width: int | None, depth: int | None, heads: int | None
) -> tuple[int, int, int]:
    """Return width, depth and heads: those given, else those of the size."""
    if not isinstance(size, str) or size not in SIZES:
        raise InputError(f"size is {size!r}; choose one of {', '.join(SIZES)}")
    given = {"width": width, "depth": depth, "heads": heads}
    for (what, value), of_size in zip(list(given.items()), SIZES[size], strict=True):
        given[what] = of_size if value is None else value
        check_whole_number(what, given[what])
    width, depth, heads = given.values()
    if width % heads:
        raise InputError(f"width {width} is not a multiple of heads {heads}; change one of them")
    return width, depth, heads


def _head(width: int) -> nn.Linear:
    head = nn.Linear(width, 2)
    _initialise(head)
    return head


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=INITIAL_SPREAD)
        nn.init.zeros_(module.bias)
