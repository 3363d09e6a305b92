"""Networks of cellsift as Keras models, which Keras saves and loads without code of ours.

The residual networks become the layers of cellfinder's own (`keras_resnet`); any other network
becomes what torch traces of it, operation by operation (`keras_operations`). A torch module wrapped
as a Keras layer would be less work, but Keras pickles it, and refuses to load what it pickled.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch.export.graph_signature import InputKind
from torch.fx.node import map_arg

from cellsift.errors import InputError
from cellsift.io.axes import Shape
from cellsift.models.contract import Network

# Which cellfinder sets too; it has to be there before Keras is imported.
os.environ.setdefault("KERAS_BACKEND", "torch")

import keras
from keras import ops

from cellsift.interop.keras_operations import Cuboids, Operations, Symbolic
from cellsift.interop.keras_resnet import is_residual, residual_layers

LARGEST_BATCH = 2**20
TO_TORCH = (0, 4, 3, 1, 2)


def keras_network(network: Network, channels: int, shape: Shape, name: str) -> keras.Model:
    """Return a Keras model that gives the network's logits (n, 2) of cuboids (n, y, x, z, channel).

    Raises:
        InputError: the network computes what has no counterpart in Keras, or what torch cannot
            list, since it depends on values.
    """
    z, y, x = shape
    inputs = keras.Input((y, x, z, channels), name="cuboids")
    if is_residual(network):
        logits = residual_layers(network, inputs)
    else:
        logits = traced(network, ops.transpose(inputs, TO_TORCH))
    return keras.Model(inputs, logits, name=name)


def traced(network: Network, cuboids: Symbolic) -> Symbolic:
    """Return the network's logits of symbolic cuboids (n, channel, z, y, x)."""
    program = _program(network, tuple(cuboids.shape[1:]))
    values: dict[str, Any] = dict(_inputs(program, cuboids))
    operations = Operations(cuboids)
    for node in program.graph.nodes:
        if node.op == "call_function":
            values[node.name] = _computed(node, values, operations)
    return values[program.graph_signature.user_outputs[0]]


def _program(network: Network, size: tuple[int, ...]) -> torch.export.ExportedProgram:
    """Return the operations of a network for cuboids of this size (channel, z, y, x)."""
    batch = torch.export.Dim("batch", min=1, max=LARGEST_BATCH)
    try:
        program = torch.export.export(
            network.eval(), (torch.zeros(2, *size),), dynamic_shapes=({0: batch},)
        )
        return program.run_decompositions()
    # What torch raises depends on what the network does.
    except Exception as error:
        raise InputError(
            f"torch cannot list what {type(network).__name__} computes, so that it cannot become a "
            f"Keras model ({type(error).__name__}); its forward must not ask for values"
        ) from error


def _inputs(program: torch.export.ExportedProgram, cuboids: Symbolic) -> Mapping[str, Any]:
    """Return the values of what the program takes, by name: cuboids, weights and constants."""
    found: dict[str, Any] = {}
    for spec in program.graph_signature.input_specs:
        if spec.kind is InputKind.USER_INPUT:
            found[spec.arg.name] = cuboids
        else:
            kept = program.state_dict if spec.target in program.state_dict else program.constants
            found[spec.arg.name] = kept[spec.target].detach()
    return found


def _computed(node: torch.fx.Node, values: Mapping[str, Any], operations: Operations) -> Any:
    """Return the value of a node; what depends on weights alone is computed here and now."""
    args, settings = map_arg((node.args, node.kwargs), lambda of: values[of.name])
    target: Any = node.target
    if not isinstance(target, torch._ops.OpOverload) or not _is_open([args, settings]):
        return target(*args, **settings)
    if target._opname == "view":
        # As the network has it, a size may also be left out or a product with the batch's.
        args = (args[0], [n if isinstance(n, int) else -1 for n in node.meta["val"].shape])
    return operations(target._opname, args, settings)


def _is_open(value: Any) -> bool:
    """Whether anything in it is only known when the model runs."""
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return any(map(_is_open, value))
    return isinstance(value, Symbolic | Cuboids)
