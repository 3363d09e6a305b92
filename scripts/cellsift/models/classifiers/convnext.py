"""ConvNeXt for cuboids: a convolutional network with the habits of a transformer.

Liu et al. 2022, A ConvNet for the 2020s (CVPR; arXiv 2201.03545), section 2: a stem that cuts the
image into patches, four stages of blocks, and between them normalisation and a convolution that
halves the map. The sizes below tiny are Wightman's (atto, femto; pytorch-image-models). The paper
knows images only; our extension to cuboids has kernels of 3 x 7 x 7 and halves y and x before z,
since planes lie further apart than voxels within them.
"""

import torch
from torch import nn

from cellsift.io.axes import Shape
from cellsift.models.contract import Network
from cellsift.models.layers.depthwise import depthwise_convolution
from cellsift.models.layers.dimensions import CONVOLUTIONS
from cellsift.models.layers.localising import deepest_that_localises
from cellsift.models.layers.planes import PlanesAsChannels, is_flat
from cellsift.models.layers.pooling import mean_over_map
from cellsift.models.layers.strides import check_plane, limited_strides, shape_after
from cellsift.models.layers.widths import multiple_of_eight
from cellsift.models.option_checks import check_choice, check_factor
from cellsift.models.registry import architecture

# Blocks and features of the four stages.
SIZES = {
    "atto": ((2, 2, 6, 2), (40, 80, 160, 320)),
    "femto": ((2, 2, 6, 2), (48, 96, 192, 384)),
    "tiny": ((3, 3, 9, 3), (96, 192, 384, 768)),
}
KERNEL = (3, 7, 7)
EXPANSION = 4
FIRST_LAYER_SCALE = 1e-6
PATCH = (2, 4, 4)
HALVINGS = ((1, 2, 2), (2, 2, 2), (2, 2, 2))
# Patches of 4 x 4 voxels would leave too few steps of a smaller plane.
SMALL_PLANE = 32
SMALL_PATCH = (1, 2, 2)


@architecture("convnext3d")
def convnext3d(
    in_channels: int,
    cuboid_shape: Shape,
    *,
    size: str = "atto",
    width: float = 1.0,
    stochastic_depth: float = 0.1,
    planes_as_channels: bool = False,
) -> Network:
    """Return a ConvNeXt; an axis is halved only while at least three steps remain on it.

    The stem's patches are of 2 x 4 x 4 voxels, of 1 x 2 x 2 in planes below 32 voxels.

    Args:
        in_channels: channels of the cuboid.
        cuboid_shape: voxels along z, y, x; at least 3 along y and x.
        size: "atto", "femto" or "tiny".
        width: factor on all numbers of features, 0.1 to 4, rounded to multiples of 8.
        stochastic_depth: share of cuboids for which the last block is skipped in training, below
            1; it rises evenly from 0 at the first block (Huang et al. 2016, arXiv 1603.09382).
        planes_as_channels: a network of images, to which the planes are channels.
    """
    check_choice("convnext3d size", size, SIZES)
    check_factor("convnext3d width", width)
    check_factor("convnext3d stochastic_depth", stochastic_depth, least=0, most=0.9)
    check_plane("convnext3d", cuboid_shape)
    flat = is_flat(cuboid_shape, planes_as_channels)
    blocks, features = SIZES[size]
    network = ConvNeXt(
        in_channels * cuboid_shape[0] if flat else in_channels,
        cuboid_shape,
        blocks,
        [multiple_of_eight(number * width) for number in features],
        stochastic_depth,
        axes=2 if flat else 3,
    )
    return PlanesAsChannels(network) if flat else network


class ConvNeXt(Network):
    """ConvNeXt over two or three axes that gives logits (n, 2)."""

    heads = ("classifier",)

    def __init__(
        self,
        in_channels: int,
        cuboid_shape: Shape,
        blocks: tuple[int, ...],
        features: list[int],
        stochastic_depth: float,
        axes: int,
    ):
        super().__init__()
        small = min(cuboid_shape[1:]) < SMALL_PLANE
        strides = limited_strides(cuboid_shape, (SMALL_PATCH if small else PATCH, *HALVINGS))
        rates = iter(stochastic_depth * i / (sum(blocks) - 1) for i in range(sum(blocks)))
        size, before, sizes = cuboid_shape, in_channels, []
        self.stages = nn.Sequential()
        for index, (count, number, stride) in enumerate(
            zip(blocks, features, strides, strict=True)
        ):
            cut = Patches(axes, before, number, size, stride)
            # The stem normalises what it gives, the later stages what they get.
            start = [ChannelNorm(before), cut] if index else [cut, ChannelNorm(number)]
            self.stages.append(
                nn.Sequential(*start, *(Block(axes, number, next(rates)) for _ in range(count)))
            )
            size, before = shape_after(size, stride), number
            sizes.append(size[-axes:])
        self.gradcam_stage = deepest_that_localises(sizes)
        self.norm = ChannelNorm(before)
        self.classifier = nn.Linear(before, 2)
        self.apply(initialise)

    @property
    def gradcam_layer(self) -> nn.Module:
        """The deepest stage whose map still says where a cell lies."""
        return self.stages[self.gradcam_stage]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.norm(mean_over_map(self.stages(x))).flatten(1))


class Patches(nn.Sequential):
    """A convolution over patches that do not overlap; a cut one is filled up with zeros."""

    def __init__(self, axes: int, in_features: int, features: int, size: Shape, stride: Shape):
        # Half of what is missing at either side keeps the map centred on the cuboid.
        padding = tuple((-n % step + 1) // 2 for n, step in zip(size, stride, strict=True))
        super().__init__(
            CONVOLUTIONS[axes](
                in_features, features, stride[-axes:], stride[-axes:], padding[-axes:]
            )
        )


class Block(nn.Module):
    """x + scale * project(GELU(expand(norm(depthwise(x))))), skipped for some cuboids."""

    def __init__(self, axes: int, features: int, skipped: float):
        super().__init__()
        self.depthwise = depthwise_convolution(
            features, KERNEL[-axes:], stride=(1,) * axes, bias=True
        )
        self.norm = nn.LayerNorm(features, eps=1e-6)
        self.expand = nn.Linear(features, EXPANSION * features)
        self.activation = nn.GELU()
        self.project = nn.Linear(EXPANSION * features, features)
        self.scale = nn.Parameter(torch.full((features,), FIRST_LAYER_SCALE))
        self.skipping = StochasticDepth(skipped)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        # Linear layers, which are 1 x 1 x 1 convolutions, want the features last.
        change = self.norm(self.depthwise(x).movedim(1, -1))
        change = self.scale * self.project(self.activation(self.expand(change)))
        return x + self.skipping(change.movedim(-1, 1))


class ChannelNorm(nn.LayerNorm):
    """Layer normalisation over the features of each place of a map (n, feature, ...)."""

    def __init__(self, features: int):
        super().__init__(features, eps=1e-6)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)


class StochasticDepth(nn.Module):
    """In training, nothing in place of the input for a share of the batch, and the rest raised."""

    def __init__(self, skipped: float):
        super().__init__()
        self.skipped = skipped

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training or self.skipped == 0:
            return x
        kept = torch.full((len(x), *[1] * (x.ndim - 1)), 1 - self.skipped, device=x.device)
        return x * torch.bernoulli(kept).to(x.dtype) / (1 - self.skipped)


def initialise(module: nn.Module) -> None:
    """Draw weights as ConvNeXt's authors do."""
    if isinstance(module, nn.Conv2d | nn.Conv3d | nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
