"""What weights have to agree in with the network that starts from them, whatever their format."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from cellsift.errors import InputError
from cellsift.io.axes import Shape
from cellsift.models.backbone import head_tensors
from cellsift.models.weight_transfer import check_fit
from cellsift.training.starting_point.wanted import WantedNetwork

Tensors = dict[str, torch.Tensor]


def check_channels(path: Path, found: int, wanted: WantedNetwork) -> None:
    """Raise InputError for weights that take cuboids of another number of channels."""
    channels = wanted.in_channels
    if found == channels:
        return
    change = "give every brain its background" if channels < found else "leave background empty"
    raise InputError(
        f"{path} is for {_channels(found)}, the cuboids have {_channels(channels)}; {change} in "
        f"the table of brains, or start from weights for {_channels(channels)}"
    )


def check_normalisation(path: Path, found: str, wanted: WantedNetwork) -> None:
    """Raise InputError for weights that have learnt with another normalisation."""
    if found != wanted.normalisation:
        raise InputError(
            f"{path} has learnt from intensities of normalisation {found}, the arm's is "
            f"{wanted.normalisation}; set `normalisation: {found}` in the arm's training, or start "
            "from other weights"
        )


def check_voxel_size(path: Path, found: Sequence[float], wanted: WantedNetwork) -> None:
    """Raise InputError for weights that have learnt from voxels of another size (µm, z, y, x)."""
    if not np.allclose(found, wanted.voxel_size, rtol=1e-3):
        raise InputError(
            f"{path} has learnt from cuboids of voxels of {list(map(float, found))} µm (z, y, x), "
            f"those here are of {list(map(float, wanted.voxel_size))} µm; set cuboid.voxel_size in "
            "the config to that of the weights, or start from others"
        )


def check_tensors(
    path: Path, tensors: Tensors, wanted: WantedNetwork, made_for: Shape | None
) -> None:
    """Raise InputError unless the network can take the tensors, or all but its head's.

    Args:
        made_for: shape of the cuboids that the weights were made for; None where unknown.
    """
    network = wanted.on_meta_device()
    parts = "all" if head_tensors(network) & set(tensors) else "backbone"
    try:
        check_fit(network, tensors, parts)
    except InputError as error:
        # Weights of cellfinder's do not tell the shape of their cuboids.
        size = " of other planes" if made_for is None else f" of {list(made_for)}"
        shape = tuple(wanted.cuboid_shape)
        reason = "" if made_for == shape else f" was made for cuboids{size}, not {list(shape)}"
        raise InputError(f"{path}{reason}: {error}") from error


def _channels(count: int) -> str:
    return f"{count} channel" if count == 1 else f"{count} channels"
