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
        InputError: the network computes what has no counterpart in Keras.
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
    batch = torch.export.Dim("batch", min=1, max=LARGEST_BATCH)
    example = torch.zeros(2, *cuboids.shape[1:])
    program = torch.export.export(network.eval(), (example,), dynamic_shapes=({0: batch},))
    program = program.run_decompositions()
    values: dict[str, Any] = dict(_inputs(program, cuboids))
    operations = Operations(cuboids)
    for node in program.graph.nodes:
        if node.op == "call_function":
            values[node.name] = _computed(node, values, operations)
        elif node.op == "output":
            return map_arg(node.args[0], lambda of: values[of.name])[0]
    raise AssertionError("torch traced a network without an output")


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
    if not isinstance(node.target, torch._ops.OpOverload) or not _is_open([args, settings]):
        return node.target(*args, **settings)
    if node.target._opname == "view":
        # As the network has it, a size may also be left out or a product with the batch's.
        args = (args[0], [n if isinstance(n, int) else -1 for n in node.meta["val"].shape])
    return operations(node.target._opname, args, settings)


def _is_open(value: Any) -> bool:
    """Whether anything in it is only known when the model runs."""
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return any(map(_is_open, value))
    return isinstance(value, Symbolic | Cuboids)
