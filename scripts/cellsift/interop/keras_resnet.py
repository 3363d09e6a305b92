"""cellsift's residual networks as the layers that cellfinder builds them of, under its names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import torch
from keras import ops
from torch import nn

from cellsift.interop.keras_operations import UNSET, Symbolic, with_weights
from cellsift.models.classifiers.resnet import ColumnNorm, PlaneNorm, ResNet
from cellsift.models.layers.planes import PlanesAsChannels
from cellsift.models.layers.residual import Block

# Keras' order of the axes of torch's kernels (out, in, z, y, x) and (out, in, y, x).
KERNEL_ORDERS = {5: (3, 4, 2, 1, 0), 4: (2, 3, 1, 0)}


def is_residual(network: nn.Module) -> bool:
    """Whether the network is of cellfinder's layout, for cuboids or for images."""
    return isinstance(_core(network), ResNet)


def residual_layers(network: nn.Module, cuboids: Symbolic) -> Symbolic:
    """Return the logits (n, 2) that the network gives for symbolic cuboids (n, y, x, z, channel).

    Example:
        >>> network = create_model("resnet", 2, (20, 50, 50), depth=18, width=8)
        >>> logits = residual_layers(network, keras.Input((50, 50, 20, 2)))
    """
    x = cuboids
    if isinstance(network, PlanesAsChannels):
        _, height, width, planes, channels = x.shape
        x = ops.reshape(ops.transpose(x, (0, 1, 2, 4, 3)), (-1, height, width, planes * channels))
    core = _core(network)
    x = _convolution(x, core.stem.conv, "conv1", "conv1_padding")
    x = _normalised(x, core.stem.norm, "conv1_bn")
    x = keras.layers.Activation("relu", name="conv1_activation")(x)
    pool = core.stem.pool
    kind = _kind("MaxPooling", x)
    x = kind(_in_order(pool.kernel_size), strides=pool.stride, name="max_pool")(x)
    for number, unit in enumerate(core.units, start=2):
        for index, block in enumerate(unit):
            x = _block(x, block, f"resunit{number}_block{index}")
    x = _kind("GlobalAveragePooling", x)(name="final_average_pool")(x)
    head = core.fully_connected
    return with_weights(
        keras.layers.Dense(2, kernel_initializer=UNSET, name="fully_connected"),
        x,
        head.weight.T,
        head.bias,
    )


def _core(network: nn.Module) -> Any:
    return network.network if isinstance(network, PlanesAsChannels) else network


def _block(x: Symbolic, block: Block, name: str) -> Symbolic:
    letters = [letter for letter in "abc" if hasattr(block, f"conv_{letter}")]
    y = x
    for letter in letters:
        convolution = getattr(block, f"conv_{letter}")
        y = _convolution(y, convolution, f"{name}_conv_{letter}", f"{name}_pad_{letter}")
        y = _normalised(y, getattr(block, f"norm_{letter}"), f"{name}_bn_{letter}")
        if letter != letters[-1]:
            y = keras.layers.Activation("relu", name=f"{name}_activation_{letter}")(y)
    if block.projection:
        x = _convolution(x, block.shortcut_conv, f"{name}_shortcut_conv")
        x = _normalised(x, block.shortcut_norm, f"{name}_shortcut_bn")
    total = keras.layers.Add(name=f"{name}_add")([y, x])
    return keras.layers.Activation("relu", name=f"{name}_activation_out")(total)


def _convolution(x: Symbolic, module: Any, name: str, padding_name: str = "") -> Symbolic:
    if any(module.padding):
        x = _kind("ZeroPadding", x)(_in_order(module.padding), name=padding_name)(x)
    layer = _kind("Conv", x)(
        module.out_channels,
        _in_order(module.kernel_size),
        strides=_in_order(module.stride),
        use_bias=False,
        kernel_initializer=UNSET,
        name=name,
    )
    return with_weights(layer, x, module.weight.permute(KERNEL_ORDERS[module.weight.ndim]))


def _normalised(x: Symbolic, norm: Any, name: str) -> Symbolic:
    # cellfinder normalises z, of images x: the last axis before the features.
    axis = -2 if isinstance(norm, PlaneNorm | ColumnNorm) else -1
    layer = keras.layers.BatchNormalization(axis=axis, epsilon=norm.eps, name=name)
    weights: Sequence[torch.Tensor] = (norm.weight, norm.bias, norm.running_mean, norm.running_var)
    return with_weights(layer, x, *weights)


def _in_order(sizes: Sequence[int]) -> tuple[int, ...]:
    """Return what torch has for z, y, x as Keras wants it: y, x, z."""
    return (*sizes[-2:], *sizes[:-2])


def _kind(name: str, x: Symbolic) -> Any:
    """Return a layer of Keras by its name, for maps with as many axes as this one."""
    return getattr(keras.layers, f"{name}{len(x.shape) - 2}D")
