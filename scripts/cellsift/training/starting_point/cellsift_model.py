"""Weights of a model that cellsift has trained, or of the backbone that it has pre-trained."""

from pathlib import Path

from cellsift.cuboids.normalisation import Normalisation
from cellsift.errors import InputError
from cellsift.models.storage import load_tensors
from cellsift.training.starting_point.checks import (
    Tensors,
    check_channels,
    check_normalisation,
    check_tensors,
    check_voxel_size,
)
from cellsift.training.starting_point.wanted import WantedNetwork, describe_network


def read_cellsift_model(path: Path, wanted: WantedNetwork) -> Tensors:
    """Return the weights beside a JSON sidecar; of a backbone those of the head are absent.

    Raises InputError for a file that cannot be read, and for weights of another network, or that
    have learnt from cuboids of other channels, normalisation or voxel size; both are named.
    """
    tensors, sidecar = load_tensors(path)
    _check_network(path, sidecar, wanted)
    check_channels(path, sidecar["in_channels"], wanted)
    check_normalisation(path, Normalisation.from_dict(sidecar["normalisation"]).name, wanted)
    check_voxel_size(path, sidecar["cuboid"]["voxel_size"], wanted)
    check_tensors(path, tensors, wanted, made_for=tuple(sidecar["cuboid"]["shape"]))
    return tensors


def _check_network(path: Path, sidecar: dict, wanted: WantedNetwork) -> None:
    found = (sidecar["architecture"], sidecar["options"])
    if not wanted.is_same(*found):
        raise InputError(
            f"{path} holds {describe_network(*found)}, the arm {wanted}; give both the same "
            "architecture and options"
        )
