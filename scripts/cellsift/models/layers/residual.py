"""Residual units of cellfinder's layout, in two or three dimensions (He et al. 2016).

In the bottleneck block the stride sits on the first convolution, and the first block of every unit
has a projection shortcut.
"""

from collections.abc import Callable

import torch
from torch import nn

from cellsift.models.layers.dimensions import CONVOLUTIONS, NORMALISATIONS

# Of a map: steps along z, y, x, or along y, x of an image.
Size = tuple[int, ...]
# Gives the normalisation of a map from its number of features and its size.
NormFactory = Callable[[int, Size], nn.Module]

BLOCKS = {
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 6, 36, 3),
}
BOTTLENECK_DEPTHS = {50, 101, 152}
BOTTLENECK_EXPANSION = 4


def feature_norm(features: int, size: Size) -> nn.Module:
    """Return batch normalisation with statistics for every feature."""
    return NORMALISATIONS[len(size)](features, eps=1e-5, momentum=0.1)


class Unit(nn.Sequential):
    """Residual blocks on one size of map; the first block halves it where the stride is 2."""

    def __init__(
        self,
        in_features: int,
        features: int,
        blocks: int,
        stride: int | Size,
        bottleneck: bool,
        norm: NormFactory,
        size: Size,
    ):
        block = BottleneckBlock if bottleneck else BasicBlock
        self.out_features = features * block.expansion
        layers = [block(in_features, features, stride, True, norm, size)]
        for _ in range(blocks - 1):
            layers.append(block(self.out_features, features, 1, False, norm, size))
        super().__init__(*layers)


class Block(nn.Module):
    """What the residual blocks share: the shortcut and the sum."""

    expansion = 1
    relu_out: nn.ReLU

    def __init__(
        self,
        in_features: int,
        features: int,
        stride: int | Size,
        projection: bool,
        norm: NormFactory,
        size: Size,
    ):
        super().__init__()
        self.projection = projection
        if projection:
            out_features = features * self.expansion
            convolution = CONVOLUTIONS[len(size)]
            self.shortcut_conv = convolution(in_features, out_features, 1, stride, bias=False)
            self.shortcut_norm = norm(out_features, size)

    def residual(self, x: torch.Tensor) -> torch.Tensor:
        """What is added to the shortcut: every kind of block says it for itself."""
        raise NotImplementedError

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        shortcut = self.shortcut_norm(self.shortcut_conv(x)) if self.projection else x
        return self.relu_out(self.residual(x) + shortcut)


class BasicBlock(Block):
    """Two convolutions of three steps per axis."""

    def __init__(
        self,
        in_features: int,
        features: int,
        stride: int | Size,
        projection: bool,
        norm: NormFactory,
        size: Size,
    ):
        super().__init__(in_features, features, stride, projection, norm, size)
        convolution = CONVOLUTIONS[len(size)]
        self.conv_a = convolution(in_features, features, 3, stride, padding=1, bias=False)
        self.norm_a = norm(features, size)
        self.relu_a = nn.ReLU()
        self.conv_b = convolution(features, features, 3, padding=1, bias=False)
        self.norm_b = norm(features, size)
        self.relu_out = nn.ReLU()

    def residual(self, x: torch.Tensor) -> torch.Tensor:
        x = self.relu_a(self.norm_a(self.conv_a(x)))
        return self.norm_b(self.conv_b(x))


class BottleneckBlock(Block):
    """A convolution of three steps per axis between two of one that reduce and restore features."""

    expansion = BOTTLENECK_EXPANSION

    def __init__(
        self,
        in_features: int,
        features: int,
        stride: int | Size,
        projection: bool,
        norm: NormFactory,
        size: Size,
    ):
        super().__init__(in_features, features, stride, projection, norm, size)
        convolution = CONVOLUTIONS[len(size)]
        self.conv_a = convolution(in_features, features, 1, stride, bias=False)
        self.norm_a = norm(features, size)
        self.relu_a = nn.ReLU()
        self.conv_b = convolution(features, features, 3, padding=1, bias=False)
        self.norm_b = norm(features, size)
        self.relu_b = nn.ReLU()
        self.conv_c = convolution(features, features * self.expansion, 1, bias=False)
        self.norm_c = norm(features * self.expansion, size)
        self.relu_out = nn.ReLU()

    def residual(self, x: torch.Tensor) -> torch.Tensor:
        x = self.relu_a(self.norm_a(self.conv_a(x)))
        x = self.relu_b(self.norm_b(self.conv_b(x)))
        return self.norm_c(self.conv_c(x))
