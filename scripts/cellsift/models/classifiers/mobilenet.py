"""MobileNetV3 for cuboids: depthwise convolutions, and channels weighed by their mean.

Howard et al. 2019, Searching for MobileNetV3 (ICCV; arXiv 1905.02244): bottlenecks of tables 1
(large) and 2 (small), section 5. The bottleneck is MobileNetV2's inverted residual (Sandler et
al. 2018, arXiv 1801.04381), the weighing of channels Hu et al. 2018 (arXiv 1709.01507), in the
form with a hard sigmoid. The paper knows images only: the third dimension is our extension.
Along z a kernel spans at most three planes and only the last three of the five halvings act,
since planes lie further apart than voxels within them.
"""

from typing import NamedTuple

import torch
from torch import nn

from cellsift.io.axes import Shape
from cellsift.models.contract import Network
from cellsift.models.layers.depthwise import depthwise_convolution
from cellsift.models.layers.dimensions import CONVOLUTIONS, NORMALISATIONS
from cellsift.models.layers.initialisation import initialise_by_fan_out
from cellsift.models.layers.localising import deepest_that_localises
from cellsift.models.layers.planes import PlanesAsChannels, is_flat
from cellsift.models.layers.pooling import mean_over_map
from cellsift.models.layers.strides import HALVINGS, check_plane, limited_strides, shape_after
from cellsift.models.layers.widths import multiple_of_eight
from cellsift.models.option_checks import check_choice, check_factor
from cellsift.models.registry import architecture

STEM_FEATURES = 16
DROPOUT = 0.2


class Bottleneck(NamedTuple):
    """A line of the paper's tables."""

    kernel: int
    expanded: int
    features: int
    weighs_channels: bool
    activation: type[nn.Module]
    halves: bool


SMALL = (
    Bottleneck(3, 16, 16, True, nn.ReLU, True),
    Bottleneck(3, 72, 24, False, nn.ReLU, True),
    Bottleneck(3, 88, 24, False, nn.ReLU, False),
    Bottleneck(5, 96, 40, True, nn.Hardswish, True),
    Bottleneck(5, 240, 40, True, nn.Hardswish, False),
    Bottleneck(5, 240, 40, True, nn.Hardswish, False),
    Bottleneck(5, 120, 48, True, nn.Hardswish, False),
    Bottleneck(5, 144, 48, True, nn.Hardswish, False),
    Bottleneck(5, 288, 96, True, nn.Hardswish, True),
    Bottleneck(5, 576, 96, True, nn.Hardswish, False),
    Bottleneck(5, 576, 96, True, nn.Hardswish, False),
)
LARGE = (
    Bottleneck(3, 16, 16, False, nn.ReLU, False),
    Bottleneck(3, 64, 24, False, nn.ReLU, True),
    Bottleneck(3, 72, 24, False, nn.ReLU, False),
    Bottleneck(5, 72, 40, True, nn.ReLU, True),
    Bottleneck(5, 120, 40, True, nn.ReLU, False),
    Bottleneck(5, 120, 40, True, nn.ReLU, False),
    Bottleneck(3, 240, 80, False, nn.Hardswish, True),
    Bottleneck(3, 200, 80, False, nn.Hardswish, False),
    Bottleneck(3, 184, 80, False, nn.Hardswish, False),
    Bottleneck(3, 184, 80, False, nn.Hardswish, False),
    Bottleneck(3, 480, 112, True, nn.Hardswish, False),
    Bottleneck(3, 672, 112, True, nn.Hardswish, False),
    Bottleneck(5, 672, 160, True, nn.Hardswish, True),
    Bottleneck(5, 960, 160, True, nn.Hardswish, False),
    Bottleneck(5, 960, 160, True, nn.Hardswish, False),
)
# Bottlenecks, features of the last convolution, features of the hidden layer of the classifier.
SIZES = {"small": (SMALL, 576, 1024), "large": (LARGE, 960, 1280)}


@architecture("mobilenet3d")
def mobilenet3d(
    in_channels: int,
    cuboid_shape: Shape,
    *,
    size: str = "small",
    width: float = 1.0,
    planes_as_channels: bool = False,
) -> Network:
    """Return a MobileNetV3; an axis is halved only while at least three steps remain on it.

    Args:
        in_channels: channels of the cuboid.
        cuboid_shape: voxels along z, y, x; at least 3 along y and x.
        size: "small" (11 bottlenecks) or "large" (15).
        width: factor on all numbers of features, 0.1 to 4, rounded to multiples of 8.
        planes_as_channels: a network of images, to which the planes are channels.
    """
    check_choice("mobilenet3d size", size, SIZES)
    check_factor("mobilenet3d width", width)
    check_plane("mobilenet3d", cuboid_shape)
    flat = is_flat(cuboid_shape, planes_as_channels)
    channels = in_channels * cuboid_shape[0] if flat else in_channels
    network = MobileNet(channels, cuboid_shape, size, width, axes=2 if flat else 3)
    return PlanesAsChannels(network) if flat else network


class MobileNet(Network):
    """MobileNetV3 over two or three axes that gives logits (n, 2)."""

    heads = ("classifier",)
    gradients_in_place = True

    def __init__(self, in_channels: int, cuboid_shape: Shape, size: str, width: float, axes: int):
        super().__init__()
        bottlenecks, last, hidden = SIZES[size]
        strides = iter(limited_strides(cuboid_shape, HALVINGS))
        features = multiple_of_eight(STEM_FEATURES * width)
        stride = next(strides)
        layers: list[nn.Module] = [Layer(axes, in_channels, features, nn.Hardswish, 3, stride)]
        sizes = [shape_after(cuboid_shape, stride)]
        for line in bottlenecks:
            stride = next(strides) if line.halves else (1, 1, 1)
            residual = InvertedResidual(axes, features, line, width, stride)
            layers.append(residual)
            features = residual.out_features
            sizes.append(shape_after(sizes[-1], stride))
        last, hidden = multiple_of_eight(last * width), multiple_of_eight(hidden * width)
        layers.append(Layer(axes, features, last, nn.Hardswish))
        self.gradcam_feature = deepest_that_localises([size[-axes:] for size in sizes])
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(
            nn.Linear(last, hidden), nn.Hardswish(), nn.Dropout(DROPOUT), nn.Linear(hidden, 2)
        )
        self.apply(initialise_by_fan_out)

    @property
    def gradcam_layer(self) -> nn.Module:
        """The deepest layer whose map still says where a cell lies."""
        return self.features[self.gradcam_feature]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.classifier(mean_over_map(self.features(x)).flatten(1))


class Layer(nn.Sequential):
    """Convolution, batch normalisation, activation; each channel on its own if `depthwise`."""

    def __init__(
        self,
        axes: int,
        in_features: int,
        features: int,
        activation: type[nn.Module] = nn.Identity,
        kernel: int = 1,
        stride: Shape = (1, 1, 1),
        depthwise: bool = False,
    ):
        spans = (min(kernel, 3), kernel, kernel)[-axes:]
        steps, padding = stride[-axes:], tuple(span // 2 for span in spans)
        convolution: nn.Module
        if depthwise:
            convolution = depthwise_convolution(features, spans, steps, bias=False)
        else:
            convolution = CONVOLUTIONS[axes](
                in_features, features, spans, steps, padding, bias=False
            )
        # Keras' momentum of 0.99 takes too many steps to settle on few labels.
        norm = NORMALISATIONS[axes](features, eps=1e-3, momentum=0.1)
        super().__init__(convolution, norm, activation())


class InvertedResidual(nn.Module):
    """Expand, convolve each channel on its own, weigh the channels, project to few features."""

    def __init__(self, axes: int, in_features: int, line: Bottleneck, width: float, stride: Shape):
        super().__init__()
        expanded = multiple_of_eight(line.expanded * width)
        self.out_features = multiple_of_eight(line.features * width)
        layers: list[nn.Module] = []
        if expanded != in_features:
            layers.append(Layer(axes, in_features, expanded, line.activation))
        layers.append(
            Layer(axes, expanded, expanded, line.activation, line.kernel, stride, depthwise=True)
        )
        if line.weighs_channels:
            layers.append(ChannelWeights(axes, expanded))
        layers.append(Layer(axes, expanded, self.out_features))
        self.layers = nn.Sequential(*layers)
        self.shortcut = not line.halves and in_features == self.out_features

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.layers(x) if self.shortcut else self.layers(x)


class ChannelWeights(nn.Module):
    """Squeeze and excite: each channel times a weight between 0 and 1 found from all means."""

    def __init__(self, axes: int, features: int):
        super().__init__()
        squeezed = multiple_of_eight(features / 4)
        self.weights = nn.Sequential(
            CONVOLUTIONS[axes](features, squeezed, 1),
            nn.ReLU(),
            CONVOLUTIONS[axes](squeezed, features, 1),
            nn.Hardsigmoid(),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.weights(mean_over_map(x))
