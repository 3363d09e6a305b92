"""What torch's operations are in Keras: each takes and gives Keras' symbolic tensors.

A network that torch has traced is a list of operations (`aten`); here is Keras' counterpart of each
that cellsift's networks use. What has weights becomes a layer of Keras, the rest its operations:
Keras saves and loads both without code of ours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import torch
from keras import KerasTensor as Symbolic
from keras import ops

from cellsift.errors import InputError

# A constant of more numbers lies among the weights, not in the model's config.
LARGEST_IN_CONFIG = 1024
CHANNELS_FIRST = "channels_first"
# Weights are set at once; the usual way to draw them is written otherwise by each Keras.
UNSET = "zeros"
LOWEST = float(np.finfo(np.float32).min)


# Those that take numbers or maps, and give what torch gives.
OF_NUMBERS: dict[str, Callable[..., Symbolic]] = {
    "abs": ops.abs,
    "div": ops.true_divide,
    "eq": ops.equal,
    "exp": ops.exp,
    "ge": ops.greater_equal,
    "gt": ops.greater,
    "le": ops.less_equal,
    "log": ops.log,
    "log1p": ops.log1p,
    "logical_not": ops.logical_not,
    "lt": ops.less,
    "mul": ops.multiply,
    "neg": ops.negative,
    "pow": ops.power,
    "relu": ops.relu,
    "sigmoid": ops.sigmoid,
    "sqrt": ops.sqrt,
    "tanh": ops.tanh,
    "where": ops.where,
}
OVER_AXES: dict[str, Callable[..., Symbolic]] = {
    "amax": ops.max,
    "any": ops.any,
    "mean": ops.mean,
    "sum": ops.sum,
}


class Cuboids:
    """So many times the number of cuboids in a batch, which is not known before the model runs."""

    def __init__(self, times: int = 1):
        self.times = times

    def __mul__(self, factor: int) -> Cuboids:
        return Cuboids(self.times * factor)

    __rmul__ = __mul__


class Operations:
    """Keras' counterparts of torch's operations for a model with this input (n, ...)."""

    def __init__(self, inputs: Symbolic):
        flat = ops.reshape(inputs, (-1, int(np.prod(inputs.shape[1:]))))
        self.zeros = ops.zeros_like(ops.take(flat, 0, axis=1))  # (n,)

    def __call__(self, name: str, args: Sequence[Any], settings: Mapping[str, Any]) -> Any:
        """Return what torch's operation `name` gives; InputError for one that is not known.

        Args:
            name: as torch has it, without the variant: "convolution", say.
            args, settings: as torch takes them; tensors are `Symbolic`, or torch's if constant.
        """
        name = name.strip("_")
        if name in OF_NUMBERS and not settings:
            return OF_NUMBERS[name](*map(self.value, args))
        if name in OVER_AXES:
            return _over_axes(OVER_AXES[name], *args, **settings)
        operation = getattr(self, f"op_{name}", None)
        if operation is None:
            raise InputError(
                f"the network computes '{name}', which has no counterpart in Keras here"
            )
        try:
            return operation(*args, **settings)
        # What an operation may be given besides, and no network of ours gives.
        except TypeError as error:
            raise InputError(f"the network computes '{name}' in a way not written here") from error

    def value(self, of: Any) -> Any:
        """Return a constant as Keras takes it; anything else as it is."""
        if not isinstance(of, torch.Tensor):
            return of
        array = of.detach().cpu().numpy()
        if array.ndim == 0:
            return array.item()
        if array.size <= LARGEST_IN_CONFIG or array.dtype.kind != "f":
            return array
        return self.weight(array)

    def weight(self, array: np.ndarray) -> Symbolic:
        """Return a constant that lies among the model's weights: a layer's answer to a one."""
        one = ops.reshape(ops.ones_like(ops.take(self.zeros, np.array([0]), axis=0)), (1, 1))
        held = with_weights(
            keras.layers.Dense(array.size, use_bias=False, kernel_initializer=UNSET),
            one,
            array.ravel()[None],
        )
        return ops.reshape(held, array.shape)

    # Layers.

    def op_convolution(
        self, x, weight, bias, stride, padding, dilation, transposed, output_padding, groups
    ):
        if isinstance(weight, Symbolic) or transposed or set(dilation) != {1}:
            raise InputError(
                "the network has a convolution of a kind that is not written for Keras"
            )
        axes = weight.ndim - 2
        if any(padding):
            both = [(0, 0), (0, 0), *((before, before) for before in padding)]
            x = ops.pad(x, both)
        convolution = getattr(keras.layers, f"Conv{axes}D")(
            weight.shape[0],
            tuple(weight.shape[2:]),
            tuple(stride),
            groups=groups,
            use_bias=bias is not None,
            data_format=CHANNELS_FIRST,
            kernel_initializer=UNSET,
        )
        kernel = weight.permute(*range(2, axes + 2), 1, 0)
        return with_weights(convolution, x, kernel, *([] if bias is None else [bias]))

    def op_native_batch_norm_legit_no_training(self, x, weight, bias, mean, variance, _, epsilon):
        layer = keras.layers.BatchNormalization(axis=1, epsilon=epsilon)
        scale = torch.ones_like(mean) if weight is None else weight
        shift = torch.zeros_like(mean) if bias is None else bias
        return with_weights(layer, x, scale, shift, mean, variance), None, None

    def op_native_layer_norm(self, x, shape, weight, bias, epsilon):
        layer = keras.layers.LayerNormalization(axis=list(range(-len(shape), 0)), epsilon=epsilon)
        scale = torch.ones(shape) if weight is None else weight
        shift = torch.zeros(shape) if bias is None else bias
        return with_weights(layer, x, scale, shift), None, None

    def op_addmm(self, bias, x, weight):
        if isinstance(weight, Symbolic) or isinstance(bias, Symbolic):
            return ops.add(self.value(bias), ops.matmul(self.value(x), self.value(weight)))
        layer = keras.layers.Dense(weight.shape[1], kernel_initializer=UNSET)
        return with_weights(layer, x, weight, bias)

    def op_mm(self, x, weight):
        if isinstance(weight, Symbolic):
            return ops.matmul(self.value(x), weight)
        return with_weights(
            keras.layers.Dense(weight.shape[1], use_bias=False, kernel_initializer=UNSET), x, weight
        )

    def op_bmm(self, x, other):
        return ops.matmul(self.value(x), self.value(other))

    # Shapes.

    def op_sym_size(self, x, axis):
        if axis:
            raise InputError("the network asks for a size that is not known before it runs")
        return Cuboids()

    def op_view(self, x, shape):
        return ops.reshape(x, shape)

    def op_expand(self, x, shape):
        """Repeat axes of length one; those of other lengths are as they have to be."""
        x = self.value(x)
        for _ in range(len(shape) - len(x.shape)):
            x = ops.expand_dims(x, 0)
        for axis, wished in enumerate(shape):
            if x.shape[axis] != 1 or wished in (1, -1):
                continue
            if isinstance(wished, Cuboids):
                along = [-1 if index == axis else 1 for index in range(len(shape))]
                zeros = ops.reshape(ops.repeat(self.zeros, wished.times, axis=0), along)
                x = ops.add(x, ops.cast(zeros, x.dtype))
            else:
                x = ops.repeat(x, wished, axis=axis)
        return x

    def op_permute(self, x, axes):
        return ops.transpose(x, axes)

    def op_unsqueeze(self, x, axis):
        return ops.expand_dims(x, axis)

    def op_squeeze(self, x, axes):
        for axis in sorted((axis % len(x.shape) for axis in axes), reverse=True):
            x = ops.squeeze(x, axis)
        return x

    def op_constant_pad_nd(self, x, padding, value=0.0):
        pairs = list(zip(padding[::2], padding[1::2], strict=True))[::-1]
        both = [(0, 0)] * (len(x.shape) - len(pairs)) + pairs
        return ops.pad(x, both, constant_values=value)

    def op_cat(self, parts, axis=0):
        return ops.concatenate([self.value(part) for part in parts], axis=axis)

    def op_clone(self, x, memory_format=None):
        return x

    op_alias = op_clone

    def op_assert_tensor_metadata(self, *_, **__):
        return None

    def op_to_copy(self, x, dtype=None, **_):
        return x if dtype is None else ops.cast(x, str(dtype).removeprefix("torch."))

    # Parts of maps.

    def op_slice(self, x, axis=0, start=None, end=None, step=1):
        size = x.shape[axis]
        if size is None and start in (0, None) and step == 1:
            return x
        return ops.take(x, np.arange(size)[start:end:step], axis=axis)

    def op_select(self, x, axis, index):
        return ops.take(x, index, axis=axis)

    def op_index_select(self, x, axis, index):
        return ops.take(x, self.value(index), axis=axis)

    def op_index(self, x, indices):
        known = [axis for axis, index in enumerate(indices) if index is not None]
        if len(known) == 1:
            return ops.take(self.value(x), self.value(indices[known[0]]), axis=known[0])
        return self._index_of_several(x, indices, known)

    def _index_of_several(self, x, indices, known):
        """Look up neighbouring axes at once: as one axis, by the place along it."""
        first, sizes = known[0], [x.shape[axis] for axis in known]
        if known != list(range(first, first + len(known))) or None in sizes:
            raise InputError("the network looks up axes that do not follow each other")
        place: Any = self.value(indices[first])
        for axis, size in zip(known[1:], sizes[1:], strict=True):
            place = ops.add(ops.multiply(place, size), self.value(indices[axis]))
        shape = [-1 if n is None else n for n in x.shape]
        merged = [*shape[:first], int(np.prod(sizes)), *shape[known[-1] + 1 :]]
        return ops.take(ops.reshape(self.value(x), merged), self.value(place), axis=first)

    def op_gather(self, x, axis, index):
        return ops.take_along_axis(self.value(x), index, axis=axis)

    def op_diagonal(self, x, offset=0, first=0, second=1):
        return ops.diagonal(x, offset, first, second)

    # Windows.

    def op_max_pool2d_with_indices(self, x, kernel, stride=(), padding=0):
        return ops.max_pool(self._window(x, padding, LOWEST), *_pooling(kernel, stride)), None

    op_max_pool3d_with_indices = op_max_pool2d_with_indices

    def op_avg_pool2d(self, x, kernel, stride=(), padding=0, ceil=False, count_padding=True):
        if ceil:
            raise InputError("the network has a mean over windows that is not written for Keras")
        mean = ops.average_pool(self._window(x, padding, 0.0), *_pooling(kernel, stride))
        if count_padding:
            return mean
        ones = torch.ones(1, 1, *x.shape[2:])
        pool = torch.nn.functional.avg_pool2d if ones.ndim == 4 else torch.nn.functional.avg_pool3d
        return ops.divide(mean, self.value(pool(ones, kernel, stride or kernel, padding)))

    op_avg_pool3d = op_avg_pool2d

    def _window(self, x, padding, value):
        padding = [padding] * (len(x.shape) - 2) if isinstance(padding, int) else padding
        if not any(padding):
            return x
        both = [(0, 0), (0, 0), *((before, before) for before in padding)]
        return ops.pad(x, both, constant_values=value)

    # Numbers.

    def op_add(self, x, y, alpha=1):
        return ops.add(self.value(x), self.value(y if alpha == 1 else ops.multiply(y, alpha)))

    def op_sub(self, x, y, alpha=1):
        return ops.subtract(self.value(x), self.value(y if alpha == 1 else ops.multiply(y, alpha)))

    def op_clamp(self, x, least=None, most=None):
        x = x if least is None else ops.maximum(x, self.value(least))
        return x if most is None else ops.minimum(x, self.value(most))

    def op_full_like(self, x, value, **_):
        return ops.full_like(x, value)

    def op_gelu(self, x, approximate="none"):
        return ops.gelu(x, approximate=approximate != "none")

    def op_softmax(self, x, axis, _=False):
        return ops.softmax(x, axis=axis)

    def op_log_softmax(self, x, axis, _=False):
        return ops.log_softmax(x, axis=axis)

    def op_argmax(self, x, axis=None, keepdim=False):
        return ops.argmax(x, axis=axis, keepdims=keepdim)


def with_weights(layer: keras.Layer, x: Any, *weights: torch.Tensor | np.ndarray) -> Symbolic:
    """Return what a layer gives for a symbolic tensor, with these weights in Keras' order."""
    result = layer(x)
    layer.set_weights([np.asarray(torch.as_tensor(weight).detach().cpu()) for weight in weights])
    return result


def _over_axes(operation, x, axes=None, keepdim=False, **_):
    """Of all axes, where none is given."""
    axes = (axes,) if isinstance(axes, int) else tuple(axes or ())
    return operation(x, axis=axes or None, keepdims=keepdim)


def _pooling(kernel: Sequence[int], stride: Sequence[int]) -> tuple[Any, ...]:
    return tuple(kernel), tuple(stride or kernel), "valid", CHANNELS_FIRST
