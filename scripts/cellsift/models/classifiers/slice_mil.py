"""Two and a half dimensions: planes are looked at one by one, and their evidence is pooled.

A cuboid is a bag of planes. One two-dimensional residual network (He et al. 2016, arXiv
1512.03385), shared by all planes, turns each into a vector; gated attention (Ilse, Tomczak and
Welling, ICML 2018, arXiv 1802.04712, equations 7 and 9) weighs the vectors, whose weighted sum
goes to one linear layer. The order of the planes plays no part. The weights say in which planes
the network saw what it decided on.
"""

from collections.abc import Mapping

import torch
from torch import nn

from cellsift.errors import InputError
from cellsift.models.registry import architecture, check_whole_number

Shape = tuple[int, int, int]

BLOCKS = {10: (1, 1, 1, 1), 18: (2, 2, 2, 2), 34: (3, 4, 6, 3)}
STEM_KERNEL = 7
# Below three steps per axis a saliency map does not say where in the cuboid it points.
LEAST_MAP = 3
HALVINGS = 5  # stem, its maximum, and the first block of the second, third and fourth unit


@architecture("slice_mil")
def slice_mil(
    in_channels: int,
    cuboid_shape: Shape,
    *,
    depth: int = 18,
    width: int = 32,
    attention: int = 128,
) -> nn.Module:
    """Return a network that pools the planes of a cuboid by gated attention.

    A cuboid of a single plane is classified by the two-dimensional network alone.

    Args:
        in_channels: channels of the cuboid.
        cuboid_shape: voxels along z, y, x; at least 3 along y and x.
        depth: 10, 18 or 34 layers.
        width: features after the stem; they double with every unit. 8 trains on a laptop.
        attention: size of the hidden layer from which the weights of the planes come (128 in
            the paper).
    """
    return SliceMIL(in_channels, cuboid_shape, depth, width, attention)


class SliceMIL(nn.Module):
    """A network for cuboids (n, channel, z, y, x) that gives logits (n, 2)."""

    heads = ("fully_connected",)

    def __init__(
        self, in_channels: int, cuboid_shape: Shape, depth: int, width: int, attention: int
    ):
        super().__init__()
        check_whole_number("slice_mil attention", attention)
        self.encoder = PlaneEncoder(in_channels, cuboid_shape[1:], depth, width)
        features = self.encoder.out_features
        self.maps = nn.Identity()
        # The weight of a single plane is 1 whatever the attention says: it could not learn.
        self.attention = GatedAttention(features, attention) if cuboid_shape[0] > 1 else None
        self.fully_connected = nn.Linear(features, 2)

    @property
    def gradcam_layer(self) -> nn.Module:
        """Where the last maps of all planes are put together again: (n, feature, z, y, x)."""
        return self.maps

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        planes = self.plane_features(x)
        weights = self.weights(planes)
        return self.fully_connected((weights[..., None] * planes).sum(dim=1))

    def plane_attention(self, x: torch.Tensor) -> torch.Tensor:
        """Return the weight (n, z) of every plane of cuboids; each row sums to 1."""
        return self.weights(self.plane_features(x))

    def plane_features(self, x: torch.Tensor) -> torch.Tensor:
        """Return a vector per plane, (n, z, feature)."""
        channels, planes, *size = x.shape[1:]
        images = x.transpose(1, 2).reshape(-1, channels, *size)
        maps = self.encoder(images)
        maps = maps.reshape(-1, planes, *maps.shape[1:]).transpose(1, 2)
        return self.maps(maps).mean(dim=(3, 4)).transpose(1, 2)

    def weights(self, planes: torch.Tensor) -> torch.Tensor:
        """Return the weight (n, z) of planes from their features (n, z, feature)."""
        return torch.ones_like(planes[..., 0]) if self.attention is None else self.attention(planes)


class GatedAttention(nn.Module):
    """Weights (n, k) that sum to 1 for k vectors (n, k, feature): equation 9 of the paper."""

    def __init__(self, features: int, hidden: int):
        super().__init__()
        self.content = nn.Linear(features, hidden, bias=False)
        self.gate = nn.Linear(features, hidden, bias=False)
        self.score = nn.Linear(hidden, 1, bias=False)

    def forward(self, vectors: torch.Tensor) -> torch.Tensor:
        gated = torch.tanh(self.content(vectors)) * torch.sigmoid(self.gate(vectors))
        return torch.softmax(self.score(gated).squeeze(-1), dim=1)


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
        check_options(depth, width)
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
        self.shortcut = nn.Identity()
        if in_features != features or stride != (1, 1):
            self.shortcut = nn.Sequential(
                nn.Conv2d(in_features, features, 1, stride, bias=False),
                nn.BatchNorm2d(features),
            )
        self.relu_out = nn.ReLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.relu_out(self.convolutions(x) + self.shortcut(x))


def halvings(size: int, count: int, least: int) -> list[int]:
    """Return `count` strides along one axis, 2 as long as at least `least` steps are left, then 1.

    However the halves are rounded, no fewer are left.
    """
    strides = []
    for _ in range(count):
        strides.append(2 if size // 2 >= least else 1)
        size //= strides[-1]
    return strides


def check_size(size: tuple[int, int]) -> None:
    """Raise InputError for planes that are too small for these networks."""
    if min(size) < LEAST_MAP:
        raise InputError(
            f"planes of {list(size)} (y, x) are too small for this network; "
            f"the least is {[LEAST_MAP, LEAST_MAP]}"
        )


def check_options(depth: int, width: int, depths: Mapping[int, object] = BLOCKS) -> None:
    """Raise InputError for a depth or width that cannot be built."""
    if not isinstance(depth, int) or depth not in depths:
        raise InputError(f"depth is {depth!r}; choose one of {', '.join(map(str, depths))}")
    check_whole_number("width", width, most=1024)


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
