"""A residual network without a head for single planes (He et al. 2016, arXiv 1512.03385)."""

from collections.abc import Mapping

import torch
from torch import nn

from cellsift.errors import InputError
from cellsift.models.layers.strides import LEAST_MAP, halvings
from cellsift.models.option_checks import check_whole_number

BLOCKS = {10: (1, 1, 1, 1), 18: (2, 2, 2, 2), 34: (3, 4, 6, 3)}
STEM_KERNEL = 7
HALVINGS = 5  # stem, its maximum, and the first block of the second, third and fourth unit


class PlaneEncoder(nn.Module):
    """A residual network for images (n, channel, y, x) that gives maps (n, feature, y, x).

    Stem, maximum and four units of basic blocks, each but the first unit halving the map. An
    axis is no longer halved where it would be left with fewer than `least_map` steps.
    """

    def __init__(
        self,
        in_channels: int,
        size: tuple[int, int],
        depth: int,
        width: int,
        least_map: int = LEAST_MAP,
    ):
        super().__init__()
        check_depth_and_width(depth, width)
        check_size(size)
        strides = list(zip(*(halvings(n, HALVINGS, least_map) for n in size), strict=True))
        self.stem = nn.Sequential(
            nn.Conv2d(
                in_channels, width, STEM_KERNEL, strides[0], padding=STEM_KERNEL // 2, bias=False
            ),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.MaxPool2d(3, strides[1], padding=1),
        )
        blocks, features = [], width
        for index, count in enumerate(BLOCKS[depth]):
            stride = strides[index + 1] if index else (1, 1)
            for number in range(count):
                blocks.append(PlaneBlock(features, width * 2**index, (1, 1) if number else stride))
                features = width * 2**index
        self.blocks = nn.Sequential(*blocks)
        self.out_features = features
        self.apply(_initialise)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.blocks(self.stem(x))


class PlaneBlock(nn.Module):
    """Two convolutions of 3 x 3 and a shortcut around them."""

    def __init__(self, in_features: int, features: int, stride: tuple[int, int]):
        super().__init__()
        self.convolutions = nn.Sequential(
            nn.Conv2d(in_features, features, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(features),
            nn.ReLU(),
            nn.Conv2d(features, features, 3, padding=1, bias=False),
            nn.BatchNorm2d(features),
        )
        self.shortcut: nn.Module = nn.Identity()
        if in_features != features or stride != (1, 1):
            self.shortcut = nn.Sequential(
                nn.Conv2d(in_features, features, 1, stride, bias=False),
                nn.BatchNorm2d(features),
            )
        self.relu_out = nn.ReLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.relu_out(self.convolutions(x) + self.shortcut(x))


def check_size(size: tuple[int, int]) -> None:
    """Raise InputError for planes that are too small for these networks."""
    if min(size) < LEAST_MAP:
        raise InputError(
            f"planes of {list(size)} (y, x) are too small for this network; "
            f"the least is {[LEAST_MAP, LEAST_MAP]}"
        )


def check_depth_and_width(depth: int, width: int, depths: Mapping[int, object] = BLOCKS) -> None:
    """Raise InputError for a depth or width that cannot be built."""
    if not isinstance(depth, int) or depth not in depths:
        raise InputError(f"depth is {depth!r}; choose one of {', '.join(map(str, depths))}")
    check_whole_number("width", width, most=1024)


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
