"""Residual networks in three dimensions, in cellfinder's layout.

Layout after He et al. 2016 (arXiv 1512.03385) as built by cellfinder 1.10.1
(`cellfinder.core.classify.resnet`): stem, four units, mean over the map, one linear layer. In the
bottleneck block the stride sits on the first convolution, and the first block of every unit has
a projection shortcut.
"""

from collections.abc import Callable
from itertools import count

import torch
from torch import nn

from cellsift.errors import InputError
from cellsift.models.localising import deepest_that_localises
from cellsift.models.registry import architecture, check_whole_number

Shape = tuple[int, int, int]
# Gives the normalisation of a map from its number of features and of planes.
NormFactory = Callable[[int, int], nn.Module]

BLOCKS = {
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 6, 36, 3),
}
BOTTLENECK_DEPTHS = {50, 101, 152}
BOTTLENECK_EXPANSION = 4
STEM_PADDING = 3
STEM_KERNEL = (3, 7, 7)
STEM_POOL = (2, 3, 3)
# Below three steps per axis a saliency map does not say where in the cuboid it points.
LEAST_MAP = 3


@architecture("resnet_cellfinder")
def resnet_cellfinder(
    in_channels: int, cuboid_shape: Shape, *, depth: int = 50, width: int = 64
) -> nn.Module:
    """Return cellfinder's network: batch normalisation over z planes, not over features.

    Same weights, same logits as its Keras model (`interop.cellfinder_weights` carries them over).

    Args:
        in_channels: channels of the cuboid.
        cuboid_shape: voxels along z, y, x.
        depth: 18, 34, 50, 101 or 152 layers.
        width: features after the stem; they double with every unit.
    """
    return ResNet(in_channels, cuboid_shape, depth, width, lambda _, planes: PlaneNorm(planes))


@architecture("resnet")
def resnet(in_channels: int, cuboid_shape: Shape, *, depth: int = 18, width: int = 64) -> nn.Module:
    """Return the same layout with the usual batch normalisation over features.

    Args:
        in_channels: channels of the cuboid.
        cuboid_shape: voxels along z, y, x.
        depth: 18, 34, 50, 101 or 152 layers.
        width: features after the stem; they double with every unit. 16 trains on a laptop.
    """
    return ResNet(in_channels, cuboid_shape, depth, width, lambda size, _: FeatureNorm(size))


class PlaneNorm(nn.BatchNorm3d):
    """Batch normalisation in which every z plane, not every feature, has its own statistics.

    cellfinder normalises axis 3 of (n, y, x, z, feature); Keras' momentum of 0.99 is 0.01 here.
    """

    def __init__(self, planes: int):
        super().__init__(planes, eps=1e-5, momentum=0.01)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x.transpose(1, 2)).transpose(1, 2)


class FeatureNorm(nn.BatchNorm3d):
    """Batch normalisation with statistics for every feature."""

    def __init__(self, features: int):
        super().__init__(features, eps=1e-5, momentum=0.1)


class ResNet(nn.Module):
    """A residual network for cuboids (n, channel, z, y, x) that gives logits (n, 2)."""

    heads = ("fully_connected",)

    def __init__(
        self, in_channels: int, cuboid_shape: Shape, depth: int, width: int, norm: NormFactory
    ):
        super().__init__()
        check_options(depth, width)
        check_shape(cuboid_shape)
        sizes = map_sizes(cuboid_shape)
        self.stem = Stem(in_channels, width, norm, planes=stem_convolution_size(cuboid_shape)[0])
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
                planes=sizes[index][0],
            )
            self.units.append(unit)
            features = unit.out_features
        self.fully_connected = nn.Linear(features, 2)
        self.gradcam_unit = deepest_that_localises(sizes)
        self.apply(initialise)
        nn.init.xavier_uniform_(self.stem.conv.weight)

    @property
    def gradcam_layer(self) -> nn.Module:
        """The deepest unit whose map still says where a cell lies."""
        return self.units[self.gradcam_unit]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        for unit in self.units:
            x = unit(x)
        return self.fully_connected(x.mean(dim=(2, 3, 4)))


class Stem(nn.Module):
    """A wide convolution and a maximum, each halving the map."""

    def __init__(self, in_channels: int, features: int, norm: NormFactory, planes: int):
        super().__init__()
        self.conv = nn.Conv3d(
            in_channels, features, STEM_KERNEL, stride=2, padding=STEM_PADDING, bias=False
        )
        self.norm = norm(features, planes)
        self.relu = nn.ReLU()
        self.pool = nn.MaxPool3d(STEM_POOL, stride=2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.pool(self.relu(self.norm(self.conv(x))))


class Unit(nn.Sequential):
    """Residual blocks on one size of map; the first block halves it where the stride is 2."""

    def __init__(
        self,
        in_features: int,
        features: int,
        blocks: int,
        stride: int,
        bottleneck: bool,
        norm: NormFactory,
        planes: int,
    ):
        block = BottleneckBlock if bottleneck else BasicBlock
        self.out_features = features * block.expansion
        layers = [block(in_features, features, stride, True, norm, planes)]
        for _ in range(blocks - 1):
            layers.append(block(self.out_features, features, 1, False, norm, planes))
        super().__init__(*layers)


class Block(nn.Module):
    """What the residual blocks share: the shortcut and the sum."""

    expansion = 1

    def __init__(
        self,
        in_features: int,
        features: int,
        stride: int,
        projection: bool,
        norm: NormFactory,
        planes: int,
    ):
        super().__init__()
        self.projection = projection
        if projection:
            out_features = features * self.expansion
            self.shortcut_conv = nn.Conv3d(in_features, out_features, 1, stride, bias=False)
            self.shortcut_norm = norm(out_features, planes)

    def residual(self, x: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        shortcut = self.shortcut_norm(self.shortcut_conv(x)) if self.projection else x
        return self.relu_out(self.residual(x) + shortcut)


class BasicBlock(Block):
    """Two convolutions of 3 x 3 x 3."""

    def __init__(self, in_features, features, stride, projection, norm, planes):
        super().__init__(in_features, features, stride, projection, norm, planes)
        self.conv_a = nn.Conv3d(in_features, features, 3, stride, padding=1, bias=False)
        self.norm_a = norm(features, planes)
        self.relu_a = nn.ReLU()
        self.conv_b = nn.Conv3d(features, features, 3, padding=1, bias=False)
        self.norm_b = norm(features, planes)
        self.relu_out = nn.ReLU()

    def residual(self, x: torch.Tensor) -> torch.Tensor:
        x = self.relu_a(self.norm_a(self.conv_a(x)))
        return self.norm_b(self.conv_b(x))


class BottleneckBlock(Block):
    """A 3 x 3 x 3 convolution between two of 1 x 1 x 1 that reduce and restore the features."""

    expansion = BOTTLENECK_EXPANSION

    def __init__(self, in_features, features, stride, projection, norm, planes):
        super().__init__(in_features, features, stride, projection, norm, planes)
        self.conv_a = nn.Conv3d(in_features, features, 1, stride, bias=False)
        self.norm_a = norm(features, planes)
        self.relu_a = nn.ReLU()
        self.conv_b = nn.Conv3d(features, features, 3, padding=1, bias=False)
        self.norm_b = norm(features, planes)
        self.relu_b = nn.ReLU()
        self.conv_c = nn.Conv3d(features, features * self.expansion, 1, bias=False)
        self.norm_c = norm(features * self.expansion, planes)
        self.relu_out = nn.ReLU()

    def residual(self, x: torch.Tensor) -> torch.Tensor:
        x = self.relu_a(self.norm_a(self.conv_a(x)))
        x = self.relu_b(self.norm_b(self.conv_b(x)))
        return self.norm_c(self.conv_c(x))


def initialise(module: nn.Module) -> None:
    """Draw weights as Keras does for cellfinder: he_normal, glorot_uniform for the last layer."""
    if isinstance(module, nn.Conv3d):
        fan_in = module.weight[0].numel()
        # 0.8796 is the deviation of a normal cut at two deviations; Keras divides by it.
        deviation = (2 / fan_in) ** 0.5 / 0.87962566103423978
        nn.init.trunc_normal_(module.weight, std=deviation, a=-2 * deviation, b=2 * deviation)
    elif isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        nn.init.zeros_(module.bias)


def stem_convolution_size(shape: Shape) -> Shape:
    """Return the size (z, y, x) of the map after the stem's convolution."""
    return tuple(
        (size + 2 * STEM_PADDING - kernel) // 2 + 1
        for size, kernel in zip(shape, STEM_KERNEL, strict=True)
    )


def map_sizes(shape: Shape) -> list[Shape]:
    """Return the sizes (z, y, x) of the maps after each of the four units."""
    size = tuple(
        (size - pool) // 2 + 1
        for size, pool in zip(stem_convolution_size(shape), STEM_POOL, strict=True)
    )
    sizes = [size]
    for _ in range(3):
        sizes.append(tuple((n + 1) // 2 for n in sizes[-1]))
    return sizes


def least_shape() -> Shape:
    """Return the smallest cuboid (z, y, x) whose first map has three steps along each axis."""
    return tuple(
        next(n for n in count(1) if map_sizes((n, n, n))[0][axis] >= LEAST_MAP) for axis in range(3)
    )


def check_shape(shape: Shape) -> None:
    """Raise InputError for a cuboid that is too small for these networks."""
    least = least_shape()
    if any(size < small for size, small in zip(shape, least, strict=True)):
        raise InputError(
            f"cuboid shape {list(shape)} (z, y, x) is too small for a resnet; "
            f"the least is {list(least)}"
        )


def check_options(depth: int, width: int) -> None:
    """Raise InputError for a depth or width that cannot be built."""
    if not isinstance(depth, int) or depth not in BLOCKS:
        raise InputError(f"resnet depth is {depth!r}; choose one of {', '.join(map(str, BLOCKS))}")
    check_whole_number("resnet width", width, most=1024)
