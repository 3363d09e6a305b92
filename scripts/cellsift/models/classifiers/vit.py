"""Vision transformers on patches of a cuboid, and their data-efficient kin with a teacher.

`vit3d` is Dosovitskiy et al., "An image is worth 16x16 words" (ICLR 2021, arXiv 2010.11929,
section 3.1): patches become tokens, a learnt code says where each was, a class token reads them
through blocks of self-attention, and one linear layer reads the class token.
`deit3d` is Touvron et al., "Training data-efficient image transformers and distillation through
attention" (ICML 2021, arXiv 2012.12877): a second token learns what a teacher decides.

Both papers are about images; patches that are also cut along z are our extension
(`models.layers.patch_encoder`). Stochastic depth (Huang et al. 2016, arXiv 1603.09382) is as in
DeiT.
"""

from collections.abc import Sequence
from math import log

import torch
import torch.nn.functional as F
from torch import nn

from cellsift.errors import InputError
from cellsift.io.axes import Shape
from cellsift.models.contract import Batch, Network
from cellsift.models.layers.patch_encoder import PatchEncoder, initialise
from cellsift.models.option_checks import check_whole_number
from cellsift.models.registry import architecture

# Width, depth and heads of DeiT's Ti, S and B; the last is also ViT's.
SIZES = {"tiny": (192, 12, 3), "small": (384, 12, 6), "base": (768, 12, 12)}


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
) -> Network:
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
) -> Network:
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


class VisionTransformer(Network):
    """A network for cuboids (n, channel, z, y, x) that gives logits (n, 2)."""

    heads: tuple[str, ...] = ("class_head",)
    gradients_in_place = True
    own_map_names = ("attention rollout",)
    own_maps_file = "rollout.tif"

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

    @property
    def patch_encoder(self) -> PatchEncoder:
        """The encoder of the patches, all but the heads."""
        return self.encoder

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.class_head(self.encoder(x)[:, 0])

    def attention_maps(self, x: torch.Tensor) -> torch.Tensor:
        """Return the attention (n, block, head, token, token) of each token (row) to all others."""
        return self.encoder.attention_maps(x)

    def own_maps(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Return how much of each patch reaches the class token; see `attention_rollout`."""
        return [self.attention_rollout(x)]

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

    def loss(self, batch: Batch) -> torch.Tensor:
        """Return half the cross entropy on the labels plus half that on the teacher's decision.

        Hard distillation, equation 3 of the paper; only the labels' half knows class weights.

        Args:
            batch: has `inputs`, `targets`, `weights` of the classes, and `teacher`, the logits
                (n, 2) of the teacher on the same inputs.
        """
        assert batch.teacher is not None
        of_class, of_teacher = self.both(batch.inputs)
        on_labels = F.cross_entropy(of_class.float(), batch.targets, weight=batch.weights)
        on_teacher = F.cross_entropy(of_teacher.float(), batch.teacher.argmax(dim=1))
        return (on_labels + on_teacher) / 2


def _layout(
    size: str, width: int | None, depth: int | None, heads: int | None
) -> tuple[int, int, int]:
    """Return width, depth and heads: those given, else those of the size."""
    if not isinstance(size, str) or size not in SIZES:
        raise InputError(f"size is {size!r}; choose one of {', '.join(SIZES)}")
    layout = []
    for what, value, of_size in zip(
        ("width", "depth", "heads"), (width, depth, heads), SIZES[size], strict=True
    ):
        layout.append(of_size if value is None else value)
        check_whole_number(what, layout[-1])
    features, blocks, count = layout
    if features % count:
        raise InputError(f"width {features} is not a multiple of heads {count}; change one of them")
    return features, blocks, count


def _head(width: int) -> nn.Linear:
    head = nn.Linear(width, 2)
    initialise(head)
    return head
