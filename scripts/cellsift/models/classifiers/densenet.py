"""DenseNet for cuboids: every layer sees the features of all layers before it on its scale.

Huang et al. 2017, Densely Connected Convolutional Networks (CVPR; arXiv 1608.06993), table 1, as
built by MONAI in two or three dimensions. The third dimension is not the paper's. Ours beyond
MONAI: a first kernel of 3 x 7 x 7 that leaves z as it is, and pooling that stops where a map would
get fewer than three steps along an axis; MONAI's own halves the planes of a cuboid to none.
"""

import torch
from monai.networks.nets import DenseNet as MonaiDenseNet
from torch import nn

from cellsift.errors import InputError
from cellsift.io.axes import Shape
from cellsift.models.contract import Network
from cellsift.models.layers.dimensions import CONVOLUTIONS, MAX_POOLING, MEAN_POOLING
from cellsift.models.layers.localising import deepest_that_localises
from cellsift.models.layers.planes import PlanesAsChannels, is_flat
from cellsift.models.layers.strides import check_plane, limited_strides, shape_after
from cellsift.models.option_checks import check_whole_number
from cellsift.models.registry import architecture

# Layers in each dense block.
BLOCKS = {"tiny": (4, 4, 4), 121: (6, 12, 24, 16), 169: (6, 12, 32, 32)}
STEM_KERNEL = (3, 7, 7)
# Of the stem's convolution and of its pooling; between blocks all axes are halved.
STEM_STRIDES = ((1, 2, 2), (2, 2, 2))
HALVED = (2, 2, 2)


@architecture("densenet3d")
def densenet3d(
    in_channels: int,
    cuboid_shape: Shape,
    *,
    depth: int | str = 121,
    growth_rate: int = 32,
    planes_as_channels: bool = False,
) -> Network:
    """Return a DenseNet; an axis is halved only while at least three steps remain on it.

    Args:
        in_channels: channels of the cuboid.
        cuboid_shape: voxels along z, y, x; at least 3 along y and x.
        depth: 121 or 169 layers in four blocks, or "tiny": three blocks of four layers, which
            with a growth rate of 16 has 0.4 million parameters.
        growth_rate: features that each layer adds, 4 to 64; the stem gives twice as many.
        planes_as_channels: a network of images, to which the planes are channels.
    """
    if isinstance(depth, bool) or not isinstance(depth, int | str) or depth not in BLOCKS:
        raise InputError(
            f"densenet3d depth is {depth!r}; choose one of {', '.join(map(str, BLOCKS))}"
        )
    check_whole_number("densenet3d growth_rate", growth_rate, least=4, most=64)
    check_plane("densenet3d", cuboid_shape)
    flat = is_flat(cuboid_shape, planes_as_channels)
    channels = in_channels * cuboid_shape[0] if flat else in_channels
    network = DenseNet(channels, cuboid_shape, BLOCKS[depth], growth_rate, axes=2 if flat else 3)
    return PlanesAsChannels(network) if flat else network


class DenseNet(Network):
    """MONAI's DenseNet over two or three axes, with strides per axis; gives logits (n, 2)."""

    heads = ("network.class_layers.out",)

    def __init__(
        self,
        in_channels: int,
        cuboid_shape: Shape,
        blocks: tuple[int, ...],
        growth_rate: int,
        axes: int,
    ):
        super().__init__()
        self.network = MonaiDenseNet(
            spatial_dims=axes,
            in_channels=in_channels,
            out_channels=2,
            init_features=2 * growth_rate,
            growth_rate=growth_rate,
            block_config=blocks,
            act=("relu", {"inplace": False}),
        )
        layers = self.network.features
        first, second, *between = pooling_strides(cuboid_shape, len(blocks) - 1)
        layers.conv0 = stem_convolution(axes, in_channels, 2 * growth_rate, first)
        kernel = tuple(3 if step == 2 else 1 for step in second[-axes:])
        layers.pool0 = MAX_POOLING[axes](kernel, second[-axes:], tuple(k // 2 for k in kernel))
        sizes = [shape_after(shape_after(cuboid_shape, first), second)]
        for number, stride in enumerate(between, start=1):
            transition = layers.get_submodule(f"transition{number}")
            transition.pool = MEAN_POOLING[axes](stride[-axes:])
            sizes.append(pooled(sizes[-1], stride))
        self.gradcam_block = deepest_that_localises([size[-axes:] for size in sizes]) + 1

    @property
    def gradcam_layer(self) -> nn.Module:
        """The deepest block whose map still says where a cell lies."""
        return self.network.features.get_submodule(f"denseblock{self.gradcam_block}")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.network(x)


def stem_convolution(axes: int, in_channels: int, features: int, stride: Shape) -> nn.Module:
    """Return the first convolution, its weights drawn as MONAI draws them."""
    kernel = STEM_KERNEL[-axes:]
    padding = tuple(k // 2 for k in kernel)
    convolution = CONVOLUTIONS[axes](
        in_channels, features, kernel, stride[-axes:], padding, bias=False
    )
    nn.init.kaiming_normal_(convolution.weight)
    return convolution


def pooling_strides(shape: Shape, transitions: int) -> list[Shape]:
    """Return the strides (z, y, x) of the stem's two layers and of the transitions."""
    strides = limited_strides(shape, STEM_STRIDES)
    for stride in strides:
        shape = shape_after(shape, stride)
    for _ in range(transitions):
        # A transition leaves out the odd last row; without it both ways of counting agree.
        strides += limited_strides([n - n % 2 for n in shape], (HALVED,))
        shape = pooled(shape, strides[-1])
    return strides


def pooled(shape: Shape, stride: Shape) -> Shape:
    """Return the size (z, y, x) of a map after pooling, which leaves out an odd last row."""
    z, y, x = (n // step for n, step in zip(shape, stride, strict=True))
    return z, y, x
