"""Residual networks in cellfinder's layout, in three dimensions or, for single planes, in two.

Layout after He et al. 2016 (arXiv 1512.03385) as built by cellfinder 1.10.1
(`cellfinder.core.classify.resnet`): stem, four units, mean over the map, one linear layer. In the
bottleneck block the stride sits on the first convolution, and the first block of every unit has
a projection shortcut. In two dimensions it is what later versions of cellfinder (commit 07211e9)
build for single planes: the same without what kernels and pooling do along z. Several planes as
channels of one image are ours.
"""

from itertools import count

import torch
from torch import nn

from cellsift.errors import InputError
from cellsift.io.axes import Shape
from cellsift.models.contract import Network
from cellsift.models.layers.dimensions import CONVOLUTIONS, MAX_POOLING
from cellsift.models.layers.initialisation import initialise_by_fan_in
from cellsift.models.layers.localising import deepest_that_localises
from cellsift.models.layers.planes import PlanesAsChannels, is_flat
from cellsift.models.layers.residual import (
    BLOCKS,
    BOTTLENECK_DEPTHS,
    NormFactory,
    Size,
    Unit,
    feature_norm,
)
from cellsift.models.layers.strides import LEAST_MAP
from cellsift.models.option_checks import check_whole_number
from cellsift.models.registry import architecture

STEM_PADDING = 3
STEM_KERNEL = (3, 7, 7)
STEM_POOL = (2, 3, 3)


@architecture("resnet_cellfinder")
def resnet_cellfinder(
    in_channels: int,
    cuboid_shape: Shape,
    *,
    depth: int = 50,
    width: int = 64,
    planes_as_channels: bool = False,
) -> Network:
    """Return cellfinder's network: batch normalisation over z planes, not over features.

    That for images is normalised over x, as cellfinder's. Same weights, same logits as its Keras
    models (`interop.cellfinder_weights` carries them over).

    Args:
        in_channels: channels of the cuboid.
        cuboid_shape: voxels along z, y, x; at least 13 along y and x, and 7 along z or one plane.
        depth: 18, 34, 50, 101 or 152 layers.
        width: features after the stem; they double with every unit.
        planes_as_channels: a network of images, to which the planes, any number, are channels.
    """
    flat = is_flat(cuboid_shape, planes_as_channels)
    return build(in_channels, cuboid_shape, depth, width, flat, cellfinder_norm)


@architecture("resnet")
def resnet(
    in_channels: int,
    cuboid_shape: Shape,
    *,
    depth: int = 18,
    width: int = 64,
    planes_as_channels: bool = False,
) -> Network:
    """Return the same layout with the usual batch normalisation over features.

    Args:
        in_channels: channels of the cuboid.
        cuboid_shape: voxels along z, y, x; at least 13 along y and x, and 7 along z or one plane.
        depth: 18, 34, 50, 101 or 152 layers.
        width: features after the stem; they double with every unit. 16 trains on a laptop.
        planes_as_channels: a network of images, to which the planes, any number, are channels.
    """
    flat = is_flat(cuboid_shape, planes_as_channels)
    return build(in_channels, cuboid_shape, depth, width, flat, feature_norm)


def build(
    in_channels: int, cuboid_shape: Shape, depth: int, width: int, flat: bool, norm: NormFactory
) -> Network:
    """Return the network for cuboids (n, channel, z, y, x), with `flat` that of images."""
    check_options(depth, width)
    check_shape(cuboid_shape, flat)
    if not flat:
        return ResNet(in_channels, cuboid_shape, depth, width, norm)
    channels = in_channels * cuboid_shape[0]
    return PlanesAsChannels(ResNet(channels, cuboid_shape[1:], depth, width, norm))


def cellfinder_norm(_: int, size: Size) -> nn.Module:
    """Return cellfinder's normalisation, which has no statistics for features."""
    return PlaneNorm(size[0]) if len(size) == 3 else ColumnNorm(size[1])


class PlaneNorm(nn.BatchNorm3d):
    """Batch normalisation in which every z plane, not every feature, has its own statistics.

    cellfinder normalises axis 3 of (n, y, x, z, feature); Keras' momentum of 0.99 is 0.01 here.
    """

    def __init__(self, planes: int):
        super().__init__(planes, eps=1e-5, momentum=0.01)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x.transpose(1, 2)).transpose(1, 2)


class ColumnNorm(nn.BatchNorm2d):
    """Batch normalisation in which every column of an image, not every feature, has its statistics.

    cellfinder normalises axis 2 of (n, y, x, feature), which is x, since its networks of both kinds
    normalise the last axis before the features.
    """

    def __init__(self, columns: int):
        super().__init__(columns, eps=1e-5, momentum=0.01)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x.transpose(1, 3)).transpose(1, 3)


class ResNet(Network):
    """A network for maps (n, channel, z, y, x), or (n, channel, y, x), that gives logits (n, 2)."""

    heads = ("fully_connected",)

    def __init__(self, in_channels: int, size: Size, depth: int, width: int, norm: NormFactory):
        super().__init__()
        sizes = map_sizes(size)
        self.stem = Stem(in_channels, width, norm, stem_convolution_size(size))
        self.units = nn.ModuleList()
        features = width
        for index, blocks in enumerate(BLOCKS[depth]):
            unit = Unit(
                features,
                width * 2**index,
                blocks,
                stride=1 if index == 0 else 2,
                bottleneck=depth in BOTTLENECK_DEPTHS,
                norm=norm,
                size=sizes[index],
            )
            self.units.append(unit)
            features = unit.out_features
        self.fully_connected = nn.Linear(features, 2)
        self.gradcam_unit = deepest_that_localises(sizes)
        self.apply(initialise_by_fan_in)
        nn.init.xavier_uniform_(self.stem.conv.weight)

    @property
    def gradcam_layer(self) -> nn.Module:
        """The deepest unit whose map still says where a cell lies."""
        return self.units[self.gradcam_unit]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        for unit in self.units:
            x = unit(x)
        return self.fully_connected(x.mean(dim=tuple(range(2, x.ndim))))


class Stem(nn.Module):
    """A wide convolution and a maximum, each halving the map."""

    def __init__(self, in_channels: int, features: int, norm: NormFactory, size: Size):
        super().__init__()
        axes = len(size)
        kernel = STEM_KERNEL[-axes:]
        self.conv = CONVOLUTIONS[axes](
            in_channels, features, kernel, stride=2, padding=STEM_PADDING, bias=False
        )
        self.norm = norm(features, size)
        self.relu = nn.ReLU()
        self.pool = MAX_POOLING[axes](STEM_POOL[-axes:], stride=2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.pool(self.relu(self.norm(self.conv(x))))


def stem_convolution_size(size: Size) -> Size:
    """Return the size of the map after the stem's convolution."""
    kernels = STEM_KERNEL[-len(size) :]
    return tuple(
        (n + 2 * STEM_PADDING - kernel) // 2 + 1 for n, kernel in zip(size, kernels, strict=True)
    )


def map_sizes(size: Size) -> list[Size]:
    """Return the sizes of the maps after each of the four units, of an input of this size."""
    pools = STEM_POOL[-len(size) :]
    after_stem = zip(stem_convolution_size(size), pools, strict=True)
    sizes = [tuple((n - pool) // 2 + 1 for n, pool in after_stem)]
    for _ in range(3):
        sizes.append(tuple((n + 1) // 2 for n in sizes[-1]))
    return sizes


def least_shape(flat: bool = False) -> Shape:
    """Return the smallest cuboid (z, y, x) whose first map has three steps along each axis."""
    axes = 2 if flat else 3
    *z, y, x = (
        next(n for n in count(1) if map_sizes((n,) * axes)[0][axis] >= LEAST_MAP)
        for axis in range(axes)
    )
    return (z[0] if z else 1, y, x)


def check_shape(shape: Shape, flat: bool = False) -> None:
    """Raise InputError for a cuboid that is too small for these networks."""
    if any(n < small for n, small in zip(shape, least_shape(flat), strict=True)):
        other = "" if flat else f", with planes_as_channels: true {list(least_shape(flat=True))}"
        raise InputError(
            f"cuboid shape {list(shape)} (z, y, x) is too small for a resnet; "
            f"the least is {list(least_shape(flat))}{other}"
        )


def check_options(depth: int, width: int) -> None:
    """Raise InputError for a depth or width that cannot be built."""
    if not isinstance(depth, int) or depth not in BLOCKS:
        raise InputError(f"resnet depth is {depth!r}; choose one of {', '.join(map(str, BLOCKS))}")
    check_whole_number("resnet width", width, most=1024)
