"""Convolutions of each channel on its own."""

import math
from collections.abc import Callable

import torch
from torch import nn

from cellsift.io.axes import Shape
from cellsift.models.layers.strides import shape_after

# Elements up to which a depthwise convolution is quicker in training as a matrix product.
LARGEST_MATRIX = 300**2


def depthwise_convolution(
    features: int, kernel: tuple[int, ...], stride: tuple[int, ...], bias: bool
) -> nn.Module:
    """Return a convolution of each channel on its own, over as many axes as the kernel has."""
    kind: Callable[..., nn.Module] = DepthwiseConvolution if len(kernel) == 3 else nn.Conv2d
    padding = tuple(k // 2 for k in kernel)
    return kind(features, features, kernel, stride, padding, groups=features, bias=bias)


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
