"""cellfinder's trained networks as cellsift models.

Keras' kernels are (y, x, z, in, out), or (y, x, in, out) for images; torch's (out, in, z, y, x).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from cellsift.errors import InputError
from cellsift.models.registry import create_model

if TYPE_CHECKING:
    import torch

STEM_LAYERS = {"conv1": "stem.conv", "conv1_bn": "stem.norm"}
UNIT_LAYER = re.compile(r"resunit(\d)_block(\d+)_(conv|bn|shortcut_conv|shortcut_bn)(_[abc])?")
NORM_TENSORS: tuple[str, ...] = ("weight", "bias", "running_mean", "running_var")
STEM_KERNEL, HEAD_WEIGHT = "stem.conv.weight", "fully_connected.weight"
# Torch's order of the axes of a kernel, by their number.
KERNEL_ORDERS = {4: (3, 2, 0, 1), 5: (4, 3, 2, 0, 1)}
# What `models.planes.PlanesAsChannels` puts before the names of a network of images.
OF_IMAGES = "network."


def model_from_cellfinder(keras_model: Any) -> torch.nn.Module:
    """Return a `resnet_cellfinder` in evaluation mode with the weights of cellfinder's model.

    Its logits are those that cellfinder's last layer puts through a softmax. Feed it raw
    intensities (normalisation "linear"), as cellfinder does.

    Args:
        keras_model: made by `cellfinder.core.classify.tools.get_model` (cellfinder 1.10.1), or
            `keras.models.load_model`; input (n, y, x, z, channel), or (n, y, x, channel), for
            which the model takes cuboids of a single plane.

    Raises:
        InputError: the model is no ResNet of cellfinder's.
    """
    weights = weights_from_cellfinder(keras_model)
    y, x, *z, channels = keras_model.input_shape[1:]
    model = create_model(
        "resnet_cellfinder",
        channels,
        (*(z or [1]), y, x),
        depth=depth_of(weights),
        width=stem_kernel(weights).shape[0],
    )
    wanted = {name: tensor.shape for name, tensor in model.state_dict().items()}
    if wanted != {name: tensor.shape for name, tensor in weights.items()}:
        raise InputError("this Keras model has other layers or sizes than cellfinder's ResNet")
    model.load_state_dict(weights)
    return model.eval()


def weights_from_cellfinder(keras_model: Any) -> dict[str, torch.Tensor]:
    """Return the weights and batch statistics of cellfinder's Keras model as a state dict.

    It fits `create_model("resnet_cellfinder", ...)` of the same depth, width, channels and cuboid
    shape. InputError for a layer with weights that cellfinder's ResNet does not have.
    """
    return weights_from_layers({layer.name: layer.get_weights() for layer in keras_model.layers})


def weights_from_layers(layers: Mapping[str, Sequence[np.ndarray]]) -> dict[str, torch.Tensor]:
    """Return the same from the arrays of every Keras layer, by its name, in Keras' order.

    InputError for a layer with arrays that cellfinder's ResNet does not have.
    """
    state: dict[str, torch.Tensor] = {}
    for name, arrays in layers.items():
        if len(arrays):
            state |= _layer_state(name, list(arrays))
    if not {STEM_KERNEL, HEAD_WEIGHT} <= set(state):
        raise InputError("this Keras model lacks layers of cellfinder's ResNet")
    if state[STEM_KERNEL].ndim == 4:
        state = {OF_IMAGES + name: tensor for name, tensor in state.items()}
    return state


def _layer_state(name: str, arrays: list[np.ndarray]) -> dict[str, torch.Tensor]:
    import torch

    target = _target(name)
    if [array.ndim for array in arrays] not in _axes(target):
        raise InputError(
            f"Keras layer '{name}' has arrays of shapes {[array.shape for array in arrays]}, which "
            "is not as in cellfinder's ResNet"
        )
    if len(arrays) == len(NORM_TENSORS):
        names, counted = NORM_TENSORS, {f"{target}.num_batches_tracked": torch.tensor(0)}
    elif target == "fully_connected":
        arrays, names, counted = [arrays[0].T, arrays[1]], ("weight", "bias"), {}
    else:
        order = KERNEL_ORDERS[arrays[0].ndim]
        arrays, names, counted = [arrays[0].transpose(order)], ("weight",), {}
    # float32 also for models kept in half precision; ascontiguousarray undoes the transposed view.
    values = [torch.from_numpy(np.ascontiguousarray(a, dtype=np.float32).copy()) for a in arrays]
    return {f"{target}.{n}": value for n, value in zip(names, values, strict=True)} | counted


def _axes(target: str) -> list[list[int]]:
    """Return the numbers of axes that the arrays of the Keras layer of a module may have."""
    if target == "fully_connected":
        return [[2, 1]]
    return [[1] * len(NORM_TENSORS)] if "norm" in target else [[n] for n in KERNEL_ORDERS]


def _target(name: str) -> str:
    """Return the module in `resnet_cellfinder` that a Keras layer of this name stands for."""
    if name == "fully_connected":
        return name
    if name in STEM_LAYERS:
        return STEM_LAYERS[name]
    match = UNIT_LAYER.fullmatch(name)
    if match is None:
        raise InputError(f"Keras layer '{name}' is not one of cellfinder's ResNet")
    unit, block, kind, letter = match.groups()
    return f"units.{int(unit) - 2}.{block}.{kind.replace('bn', 'norm')}{letter or ''}"


def stem_kernel(weights: dict[str, torch.Tensor]) -> torch.Tensor:
    """Return the kernel of the stem (width, channel, z, y, x), or (width, channel, y, x)."""
    return weights[STEM_KERNEL] if STEM_KERNEL in weights else weights[OF_IMAGES + STEM_KERNEL]


def depth_of(weights: dict[str, torch.Tensor]) -> int:
    """Return the depth: all convolutions but those of the shortcuts, and the last layer."""
    counted = re.compile(r"(stem\.conv|\.conv_[abc])\.weight")
    return sum(counted.search(name) is not None for name in weights) + 1
