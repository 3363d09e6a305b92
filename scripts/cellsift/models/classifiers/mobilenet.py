"""MobileNetV3 for cuboids: depthwise convolutions, and channels weighed by their mean.

Howard et al. 2019, Searching for MobileNetV3 (ICCV; arXiv 1905.02244): bottlenecks of tables 1
(large) and 2 (small), section 5. The bottleneck is MobileNetV2's inverted residual (Sandler et
al. 2018, arXiv 1801.04381), the weighing of channels Hu et al. 2018 (arXiv 1709.01507), in the
form with a hard sigmoid. The paper knows images only: the third dimension is our extension.
Along z a kernel spans at most three planes and only the last three of the five halvings act,
since planes lie further apart than voxels within them.
"""

import math
from typing import Any, NamedTuple

import torch
from torch import nn

from cellsift.errors import InputError
from cellsift.models.layers.localising import deepest_that_localises
from cellsift.models.layers.planes import CONVOLUTIONS, NORMALISATIONS, PlanesAsChannels, is_flat
from cellsift.models.registry import architecture

Shape = tuple[int, int, int]

# Below three steps per axis a saliency map does not say where in the cuboid it points.
LEAST_MAP = 3
# The five halvings of a map, as wished: y and x first, until voxels are about as long as wide.
HALVINGS = ((1, 2, 2), (1, 2, 2), (2, 2, 2), (2, 2, 2), (2, 2, 2))
STEM_FEATURES = 16
DROPOUT = 0.2
# Elements up to which a depthwise convolution is quicker in training as a matrix product.
LARGEST_MATRIX = 300**2


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
) -> nn.Module:
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


class MobileNet(nn.Module):
    """MobileNetV3 over two or three axes that gives logits (n, 2)."""

    heads = ("classifier",)
    gradients_in_place = True

    def __init__(self, in_channels: int, cuboid_shape: Shape, size: str, width: float, axes: int):
        super().__init__()
        bottlenecks, last, hidden = SIZES[size]
        strides = iter(limited_strides(cuboid_shape, HALVINGS))
        features = multiple_of_eight(STEM_FEATURES * width)
        stride = next(strides)
        layers = [Layer(axes, in_channels, features, nn.Hardswish, 3, stride)]
        sizes = [shape_after(cuboid_shape, stride)]
        for line in bottlenecks:
            stride = next(strides) if line.halves else (1, 1, 1)
            layers.append(InvertedResidual(axes, features, line, width, stride))
            features = layers[-1].out_features
            sizes.append(shape_after(sizes[-1], stride))
        last, hidden = multiple_of_eight(last * width), multiple_of_eight(hidden * width)
        layers.append(Layer(axes, features, last, nn.Hardswish))
        self.gradcam_feature = deepest_that_localises([size[-axes:] for size in sizes])
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(
            nn.Linear(last, hidden), nn.Hardswish(), nn.Dropout(DROPOUT), nn.Linear(hidden, 2)
        )
        self.apply(initialise)

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
        stride, padding = stride[-axes:], tuple(span // 2 for span in spans)
        if depthwise:
            convolution = depthwise_convolution(features, spans, stride, bias=False)
        else:
            convolution = CONVOLUTIONS[axes](
                in_features, features, spans, stride, padding, bias=False
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
        layers = []
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


class DepthwiseConvolution(nn.Conv3d):
    """A convolution of each channel on its own; quick to train on a CPU where maps are small.

    On a CPU torch's backward pass of it takes many times as long as the forward pass. There a
    small map is taken as a vector, which the kernel, written as a matrix, turns into the result:
    the same but for rounding.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.training and x.device.type == "cpu":
            after = shape_after(x.shape[2:], self.stride)
            if math.prod(x.shape[2:]) * math.prod(after) <= LARGEST_MATRIX:
                return self.as_matrix_product(x, after)
        return super().forward(x)

    def as_matrix_product(self, x: torch.Tensor, after: Shape) -> torch.Tensor:
        axes = zip(x.shape[2:], after, self.kernel_size, self.stride, strict=True)
        reach = [reaches(*axis).to(self.weight) for axis in axes]
        matrix = torch.einsum("fabc,aip,bjq,ckr->fijkpqr", self.weight[:, 0], *reach)
        vectors = x.flatten(2).transpose(0, 1)
        result = torch.bmm(vectors, matrix.flatten(4).flatten(1, 3))
        result = result.transpose(0, 1).unflatten(2, after)
        return result if self.bias is None else result + self.bias[:, None, None, None]


def reaches(before: int, after: int, kernel: int, stride: int) -> torch.Tensor:
    """Return 1 where an element of the kernel (axis 0) takes a place (1) to one after it (2)."""
    element, place, result = torch.meshgrid(
        torch.arange(kernel), torch.arange(before), torch.arange(after), indexing="ij"
    )
    return place == result * stride + element - kernel // 2


def depthwise_convolution(
    features: int, kernel: tuple[int, ...], stride: tuple[int, ...], bias: bool
) -> nn.Module:
    """Return a convolution of each channel on its own, over as many axes as the kernel has."""
    kind = DepthwiseConvolution if len(kernel) == 3 else nn.Conv2d
    padding = tuple(k // 2 for k in kernel)
    return kind(features, features, kernel, stride, padding, groups=features, bias=bias)


def mean_over_map(x: torch.Tensor) -> torch.Tensor:
    """Return the mean over all axes but batch and feature, which stay as axes of length 1."""
    return x.mean(dim=tuple(range(2, x.ndim)), keepdim=True)


def initialise(module: nn.Module) -> None:
    """Draw weights as MobileNetV3's authors do; a depthwise kernel's outputs are its own only."""
    if isinstance(module, nn.Conv2d | nn.Conv3d):
        outputs = module.weight[:, 0].numel() / module.groups
        nn.init.normal_(module.weight, std=(2 / outputs) ** 0.5)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, std=0.01)
        nn.init.zeros_(module.bias)


def multiple_of_eight(features: float) -> int:
    """Return the nearest multiple of 8, at least 8, and not more than a tenth below."""
    rounded = max(8, int(features + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * features else rounded


def limited_strides(shape: Shape, wished: tuple[Shape, ...]) -> list[Shape]:
    """Return strides (z, y, x), 1 where a wished one would leave fewer than three steps.

    y and x are treated alike, so that voxels stay as wide as they are high.
    """
    strides = []
    for wish in wished:
        after = shape_after(shape, wish)
        along_z = wish[0] if after[0] >= LEAST_MAP else 1
        in_plane = wish[1:] if min(after[1:]) >= LEAST_MAP else (1, 1)
        strides.append((along_z, *in_plane))
        shape = shape_after(shape, strides[-1])
    return strides


def shape_after(shape: Shape, stride: Shape) -> Shape:
    """Return the size (z, y, x) of a map after windows that reach over its edge."""
    return tuple(-(-size // step) for size, step in zip(shape, stride, strict=True))


def check_plane(name: str, shape: Shape) -> None:
    """Raise InputError for a cuboid too small along y or x."""
    if min(shape[1:]) < LEAST_MAP:
        raise InputError(
            f"cuboid shape {list(shape)} (z, y, x) is too small for {name}; "
            f"the least is {[1, LEAST_MAP, LEAST_MAP]}"
        )


def check_choice(what: str, value: Any, choices: Any) -> None:
    """Raise InputError unless the value is one of the choices."""
    if not isinstance(value, str) or value not in choices:
        raise InputError(f"{what} is {value!r}; choose one of {', '.join(map(str, choices))}")


def check_factor(what: str, value: Any, least: float = 0.1, most: float = 4) -> None:
    """Raise InputError unless the value is a number from `least` to `most`."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not least <= value <= most:
        raise InputError(f"{what} is {value!r}; give a number from {least:g} to {most:g}")
