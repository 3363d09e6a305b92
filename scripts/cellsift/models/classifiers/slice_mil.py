"""Two and a half dimensions: planes are looked at one by one, and their evidence is pooled.

A cuboid is a bag of planes. One two-dimensional residual network (He et al. 2016, arXiv
1512.03385), shared by all planes, turns each into a vector; gated attention (Ilse, Tomczak and
Welling, ICML 2018, arXiv 1802.04712, equations 7 and 9) weighs the vectors, whose weighted sum
goes to one linear layer. The order of the planes plays no part. The weights say in which planes
the network saw what it decided on.
"""

import torch
from torch import nn

from cellsift.io.axes import Shape
from cellsift.models.contract import Network
from cellsift.models.layers.plane_encoder import PlaneEncoder
from cellsift.models.option_checks import check_whole_number
from cellsift.models.registry import architecture


@architecture("slice_mil")
def slice_mil(
    in_channels: int,
    cuboid_shape: Shape,
    *,
    depth: int = 18,
    width: int = 32,
    attention: int = 128,
) -> Network:
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


class SliceMIL(Network):
    """A network for cuboids (n, channel, z, y, x) that gives logits (n, 2)."""

    heads = ("fully_connected",)
    own_map_names = ("plane attention",)
    own_maps_file = "plane_attention.tif"

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

    def own_maps(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Return the weight (n, z) of every plane."""
        return [self.plane_attention(x)]

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
