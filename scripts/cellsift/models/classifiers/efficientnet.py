"""EfficientNet for cuboids, plain and with attention gates.

Tan & Le 2019, EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks (ICML;
arXiv 1905.11946), table 1, as built by MONAI in two or three dimensions. The third dimension is
not the paper's. Ours beyond MONAI are: padding by half a kernel, since MONAI's is computed for
images of 224 and fails on cuboids; strides that halve y and x before z; first weights of the
depthwise kernels that do not shrink with the number of features; SiLU that leaves its input be.
"""

from collections.abc import Iterable
from typing import Any, cast

import torch
import torch.nn.functional as F
from monai.networks.nets.efficientnet import EfficientNet as MonaiEfficientNet
from torch import nn

from cellsift.errors import InputError
from cellsift.io.axes import Shape
from cellsift.models.contract import Network
from cellsift.models.layers.depthwise import depthwise_convolution
from cellsift.models.layers.dimensions import CONVOLUTIONS
from cellsift.models.layers.initialisation import initialise_by_fan_out
from cellsift.models.layers.localising import deepest_that_localises
from cellsift.models.layers.planes import PlanesAsChannels, is_flat
from cellsift.models.layers.pooling import mean_over_map
from cellsift.models.layers.strides import HALVINGS, check_plane, limited_strides, shape_after
from cellsift.models.option_checks import check_choice, check_factor
from cellsift.models.registry import architecture

# Factors on width and depth, and the share of features dropped before the last layer.
VARIANTS = {
    "b0": (1.0, 1.0, 0.2),
    "b1": (1.0, 1.1, 0.2),
    "b2": (1.1, 1.2, 0.3),
    "b3": (1.2, 1.4, 0.3),
}
# Table 1 in MONAI's notation: repeats, kernel, strides, expansion, features in and out, squeeze.
STAGES = (
    "r1_k3_s11_e1_i32_o16_se0.25",
    "r2_k3_s22_e6_i16_o24_se0.25",
    "r2_k5_s22_e6_i24_o40_se0.25",
    "r3_k3_s22_e6_i40_o80_se0.25",
    "r3_k5_s11_e6_i80_o112_se0.25",
    "r4_k5_s22_e6_i112_o192_se0.25",
    "r1_k3_s11_e6_i192_o320_se0.25",
)
# MONAI's momentum of 0.01 leaves the statistics far behind in short trainings.
NORMALISATION = ("batch", {"eps": 1e-3, "momentum": 0.1})
STOCHASTIC_DEPTH = 0.2
GATES = 2
# From here on y and x are halved three times, which makes three scales.
ALWAYS_GATED = (1, 17, 17)
FIRST_GATE_BIAS = 3.0
# Far below the sum of the coefficients of a gate that is open anywhere.
CLOSED = 1e-6


@architecture("efficientnet3d")
def efficientnet3d(
    in_channels: int,
    cuboid_shape: Shape,
    *,
    variant: str = "b0",
    width: float = 1.0,
    planes_as_channels: bool = False,
) -> Network:
    """Return an EfficientNet; an axis is halved only while at least three steps remain on it.

    Args:
        in_channels: channels of the cuboid.
        cuboid_shape: voxels along z, y, x; at least 3 along y and x.
        variant: "b0", "b1", "b2" or "b3": ever wider and deeper.
        width: further factor on all numbers of features, 0.1 to 4; 0.25 trains on a laptop.
        planes_as_channels: a network of images, to which the planes are channels.
    """
    check_options("efficientnet3d", cuboid_shape, variant, width)
    flat = is_flat(cuboid_shape, planes_as_channels)
    backbone = build_backbone(in_channels, cuboid_shape, variant, width, flat)
    network = EfficientNet(backbone, VARIANTS[variant][2])
    return PlanesAsChannels(network) if flat else network


@architecture("efficientnet3d_attention")
def efficientnet3d_attention(
    in_channels: int,
    cuboid_shape: Shape,
    *,
    variant: str = "b0",
    width: float = 1.0,
    planes_as_channels: bool = False,
) -> Network:
    """Return an EfficientNet whose verdict also rests on gated maps of two finer scales.

    Additive attention gates after Schlemper et al. 2019, Attention Gated Networks (Medical Image
    Analysis 53; arXiv 1808.08114), sections 2.2 and 2.3, in the form for classifiers, on the last
    maps of the two scales above the deepest. `own_maps` gives the attention coefficients.

    Args:
        in_channels: channels of the cuboid.
        cuboid_shape: voxels along z, y, x; at least 17 along y and x give three scales always.
        variant: "b0", "b1", "b2" or "b3": ever wider and deeper.
        width: further factor on all numbers of features, 0.1 to 4; 0.25 trains on a laptop.
        planes_as_channels: a network of images, to which the planes are channels.
    """
    check_options("efficientnet3d_attention", cuboid_shape, variant, width)
    flat = is_flat(cuboid_shape, planes_as_channels)
    backbone = build_backbone(in_channels, cuboid_shape, variant, width, flat)
    stages = gated_stages(cuboid_shape, flat)
    network = GatedEfficientNet(backbone, stages, VARIANTS[variant][2])
    return PlanesAsChannels(network) if flat else network


class EfficientNet(Network):
    """Backbone, mean over the last map, one linear layer: logits (n, 2)."""

    heads = ("classifier",)
    gradients_in_place = True

    def __init__(self, backbone: "Backbone", dropout: float):
        super().__init__()
        self.backbone = backbone
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(backbone.features, 2)

    @property
    def gradcam_layer(self) -> nn.Module:
        """The deepest stage whose map still says where a cell lies."""
        return self.backbone.stages[self.backbone.gradcam_stage]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        _, last = self.backbone(x)
        return self.classifier(self.dropout(mean_over_map(last).flatten(1)))


class GatedEfficientNet(Network):
    """Gated maps of two scales and the mean of the last map, side by side, to logits (n, 2)."""

    heads = ("classifier",)
    gradients_in_place = True
    own_map_names = ("finer gate", "coarser gate")
    own_maps_file = "gates.tif"

    def __init__(self, backbone: "Backbone", stages: list[int], dropout: float):
        super().__init__()
        self.backbone = backbone
        self.gated_stages = stages
        gated = [backbone.stage_features[stage] for stage in stages]
        self.gates = nn.ModuleList(
            AttentionGate(features, backbone.features, backbone.axes) for features in gated
        )
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(sum(gated) + backbone.features, 2)

    @property
    def gradcam_layer(self) -> nn.Module:
        """The deepest stage whose map still says where a cell lies."""
        return self.backbone.stages[self.backbone.gradcam_stage]

    def own_maps(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Return the attention coefficients (n, z, y, x) of the finer and of the coarser gate.

        Between 0 (shut) and 1 (open), on the grid of the gated map; (n, y, x) for images.
        """
        maps, last = self.backbone(x)
        pairs = zip(self.gates, self.gated_stages, strict=True)
        return [cast(AttentionGate, g).coefficients(maps[s], last)[:, 0] for g, s in pairs]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        maps, last = self.backbone(x)
        pairs = zip(self.gates, self.gated_stages, strict=True)
        vectors = [gate(maps[stage], last) for gate, stage in pairs]
        vectors.append(mean_over_map(last).flatten(1))
        return self.classifier(self.dropout(torch.cat(vectors, dim=1)))


class AttentionGate(nn.Module):
    """Additive attention: which places of a map matter, seen the last map of the network.

    alpha = sigmoid(psi(relu(theta(x) + phi(g)))), with g brought to the size of x. What passes is
    the mean of x weighed by alpha, not the paper's sum, whose size would grow with the map's. Its
    classifiers spread alpha so that one place at least is shut; here a gate may open everywhere.
    """

    def __init__(self, features: int, gating_features: int, axes: int):
        super().__init__()
        convolution = CONVOLUTIONS[axes]
        inner = max(1, features // 2)
        self.theta = convolution(features, inner, 1, bias=False)
        self.phi = convolution(gating_features, inner, 1)
        self.relu = nn.ReLU()
        self.psi = convolution(inner, 1, 1)
        self.interpolation = {2: "bilinear", 3: "trilinear"}[axes]
        nn.init.kaiming_normal_(self.theta.weight)
        nn.init.kaiming_normal_(self.phi.weight)
        nn.init.zeros_(cast(torch.Tensor, self.phi.bias))
        # Gates start open: the network learns as if there were none, and then to shut them.
        nn.init.normal_(self.psi.weight, std=0.01)
        nn.init.constant_(cast(torch.Tensor, self.psi.bias), FIRST_GATE_BIAS)

    def coefficients(self, x: torch.Tensor, gating: torch.Tensor) -> torch.Tensor:
        """Return alpha (n, 1, ...), between 0 and 1, for every place of x."""
        signal = F.interpolate(self.phi(gating), size=x.shape[2:], mode=self.interpolation)
        return torch.sigmoid(self.psi(self.relu(self.theta(x) + signal)))

    def forward(self, x: torch.Tensor, gating: torch.Tensor) -> torch.Tensor:
        alpha = self.coefficients(x, gating)
        places = tuple(range(2, x.ndim))
        return (alpha * x).sum(places) / (alpha.sum(places) + CLOSED)


class Backbone(nn.Module):
    """The layers of MONAI's network up to its last convolution; gives the maps of all stages."""

    def __init__(self, network: MonaiEfficientNet, axes: int, sizes: list[tuple[int, ...]]):
        super().__init__()
        self.axes = axes
        self.gradcam_stage = deepest_that_localises(sizes)
        self.stem = nn.Sequential(network._conv_stem, network._bn0, nn.SiLU())
        self.stages = network._blocks
        self.head = nn.Sequential(network._conv_head, network._bn1, nn.SiLU())
        last_blocks = [cast(nn.Sequential, stage)[-1] for stage in self.stages]
        self.stage_features = [cast(int, block.out_channels) for block in last_blocks]
        self.features = network._conv_head.out_channels

    def forward(self, x: torch.Tensor) -> tuple[list[torch.Tensor], torch.Tensor]:
        x = self.stem(x)
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps, self.head(x)


def build_backbone(
    in_channels: int, shape: Shape, variant: str, width: float, flat: bool
) -> Backbone:
    """Return MONAI's network with padding, strides and weights made for cuboids."""
    width_factor, depth_factor, _ = VARIANTS[variant]
    axes = 2 if flat else 3
    network = MonaiEfficientNet(
        list(STAGES),
        spatial_dims=axes,
        in_channels=in_channels * shape[0] if flat else in_channels,
        num_classes=2,
        width_coefficient=width_factor * width,
        depth_coefficient=depth_factor,
        norm=NORMALISATION,
        drop_connect_rate=STOCHASTIC_DEPTH,
    )
    for module in list(network.modules()):
        if isinstance(module, nn.Conv2d | nn.Conv3d):
            module.padding = tuple(k // 2 for k in module.kernel_size)
        for name, child in list(module.named_children()):
            if isinstance(child, nn.ConstantPad2d | nn.ConstantPad3d):
                setattr(module, name, nn.Identity())
            elif name == "_swish":
                setattr(module, name, nn.SiLU())
    set_strides(network, shape, axes)
    backbone = Backbone(network, axes, stage_sizes(shape, flat))
    backbone.apply(initialise_by_fan_out)
    return backbone


def set_strides(network: MonaiEfficientNet, shape: Shape, axes: int) -> None:
    """Give the five convolutions that halve the map their strides per axis."""
    stages = cast(Iterable[Iterable[Any]], network._blocks)
    blocks = [block for stage in stages for block in stage]
    stem, *strides = (stride[-axes:] for stride in limited_strides(shape, HALVINGS))
    network._conv_stem.stride = stem
    for block in blocks:
        old = block._depthwise_conv
        stride = strides.pop(0) if block.stride > 1 else (1,) * axes
        block._depthwise_conv = depthwise_convolution(
            old.in_channels, old.kernel_size, stride, bias=False
        )


def stage_sizes(shape: Shape, flat: bool) -> list[tuple[int, ...]]:
    """Return the sizes (z, y, x) of the maps of all stages; (y, x) for images."""
    stem, *strides = limited_strides(shape, HALVINGS)
    size = shape_after(shape, stem)
    sizes: list[tuple[int, ...]] = []
    for stage in STAGES:
        if "_s22_" in stage:
            size = shape_after(size, strides.pop(0))
        sizes.append(size[1:] if flat else size)
    return sizes


def gated_stages(shape: Shape, flat: bool) -> list[int]:
    """Return the last stages of the two scales above the deepest, the finer one first.

    Raises:
        InputError: the map is halved too seldom for that.
    """
    sizes = stage_sizes(shape, flat)
    last = [i for i, size in enumerate(sizes[:-1]) if size != sizes[i + 1]]
    if len(last) < GATES:
        raise InputError(
            f"cuboid shape {list(shape)} (z, y, x) is too small for attention gates at two "
            f"scales; {list(ALWAYS_GATED)} and above is enough"
        )
    return last[-GATES:]


def check_options(name: str, shape: Shape, variant: str, width: float) -> None:
    """Raise InputError for an option or a cuboid that cannot be built."""
    check_choice(f"{name} variant", variant, VARIANTS)
    check_factor(f"{name} width", width)
    check_plane(name, shape)
