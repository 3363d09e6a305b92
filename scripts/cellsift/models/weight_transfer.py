"""Copying weights into a network, and whether they fit it."""

from collections.abc import Mapping

import torch

from cellsift.errors import InputError
from cellsift.models.backbone import head_tensors
from cellsift.models.contract import Network

PARTS = ("all", "backbone")
# Tensors that a message names.
NAMED = 3


def start_from(model: Network, tensors: Mapping[str, torch.Tensor], parts: str = "all") -> None:
    """Copy tensors, named as in `model.state_dict()`, into a network.

    Args:
        model: is left as it was if anything does not fit. Its device and memory layout stay.
        tensors: weights and batch statistics; with parts "backbone" the head's may be absent.
        parts: "all", or "backbone", which leaves the head as it is.

    Raises:
        InputError: tensors are missing, of another shape or kind, not finite or not known to the
            network, by name; or another `parts`.
    """
    if parts not in PARTS:
        raise InputError(f"parts to start from is {parts!r}; choose one of {', '.join(PARTS)}")
    check_fit(model, tensors, parts)
    of_head = head_tensors(model) if parts == "backbone" else set()
    chosen = {name: tensor for name, tensor in tensors.items() if name not in of_head}
    model.load_state_dict(chosen, strict=False)


def check_fit(model: Network, tensors: Mapping[str, torch.Tensor], parts: str = "all") -> None:
    """Raise InputError, naming tensors, unless `start_from` could copy them into the network.

    The network may lie on the meta device.
    """
    wanted = model.state_dict()
    of_head = head_tensors(model)
    needed = {name: t for name, t in wanted.items() if parts == "all" or name not in of_head}
    if not any(True for _ in model.parameters()):
        raise InputError(
            "this network has no weights that are learnt by steps, so none to start from"
        )
    missing = [name for name in needed if name not in tensors]
    if missing and set(missing) == of_head:
        raise InputError(
            f"the weights to start from hold a backbone without {_some(missing)}; start from the "
            "backbone only"
        )
    problems = {
        "missing": missing,
        "of another shape or kind": [
            f"{name} is {_describe(tensors[name])}, not {_describe(tensor)}"
            for name, tensor in needed.items()
            if name in tensors and _describe(tensors[name]) != _describe(tensor)
        ],
        "not finite": [
            name
            for name in needed
            if name in tensors and not bool(torch.isfinite(tensors[name]).all())
        ],
        "not known to the network": [name for name in tensors if name not in wanted],
    }
    said = [f"{len(names)} {what} ({_some(names)})" for what, names in problems.items() if names]
    if said:
        raise InputError(
            f"the tensors to start from do not fit the network: {'; '.join(said)}; start from a "
            "model of the same architecture, options, channels and cuboids"
        )


def _describe(tensor: torch.Tensor) -> str:
    kind = "numbers" if tensor.is_floating_point() else "whole numbers"
    return f"{list(tensor.shape)} {kind}"


def _some(names: list[str]) -> str:
    return ", ".join(names[:NAMED]) + (", ..." if len(names) > NAMED else "")
