"""Weights of cellfinder's own ResNets, from files of Keras."""

from pathlib import Path

from cellsift.errors import InputError
from cellsift.interop.cellfinder_weights import depth_of, stem_kernel, weights_from_layers
from cellsift.interop.keras_files import read_layers
from cellsift.models import complete_options
from cellsift.models.layers.planes import is_flat
from cellsift.training.starting_point.checks import (
    Tensors,
    check_channels,
    check_normalisation,
    check_tensors,
)
from cellsift.training.starting_point.wanted import WantedNetwork

ARCHITECTURE = "resnet_cellfinder"
# cellfinder's networks learn from raw intensities; at which voxel size, their files do not tell.
NORMALISATION = "linear"


def read_cellfinder_model(path: Path, wanted: WantedNetwork) -> Tensors:
    """Return the weights of a Keras file (.h5, .hdf5, .keras), named as cellsift's.

    Raises InputError for a file that cannot be read, and for weights of another network, or for
    cuboids of other channels or normalisation; both are named.
    """
    tensors = weights_from_layers(read_layers(path))
    _check_architecture(path, wanted)
    _check_input(path, tensors, wanted)
    _check_size(path, tensors, wanted)
    check_channels(path, stem_kernel(tensors).shape[1], wanted)
    check_normalisation(path, NORMALISATION, wanted)
    check_tensors(path, tensors, wanted, made_for=None)
    return tensors


def _check_architecture(path: Path, wanted: WantedNetwork) -> None:
    if wanted.architecture != ARCHITECTURE:
        raise InputError(
            f"{path} holds a ResNet of cellfinder's, which only architecture {ARCHITECTURE} can "
            f"start from, not {wanted.architecture}; change the arm's architecture"
        )


def _check_input(path: Path, tensors: Tensors, wanted: WantedNetwork) -> None:
    flat = is_flat(wanted.cuboid_shape, _planes_as_channels(wanted))
    given = _input(planes=1 if stem_kernel(tensors).ndim == 4 else None)
    taken = _input(planes=wanted.cuboid_shape[0] if flat else None)
    if given != taken:
        raise InputError(
            f"{path} holds cellfinder's ResNet for {given}, the arm's is for {taken}; change "
            "cuboid.shape in the config, or planes_as_channels among the arm's options"
        )


def _check_size(path: Path, tensors: Tensors, wanted: WantedNetwork) -> None:
    depth, width = depth_of(tensors), stem_kernel(tensors).shape[0]
    found = {
        "depth": depth,
        "width": width,
        "planes_as_channels": _planes_as_channels(wanted),
    }
    if not wanted.is_same(ARCHITECTURE, found):
        raise InputError(
            f"{path} holds cellfinder's ResNet of {depth} layers and width {width}, not {wanted}; "
            f"set the arm's options to {{depth: {depth}, width: {width}}}"
        )


def _planes_as_channels(wanted: WantedNetwork) -> bool:
    return complete_options(wanted.architecture, wanted.options)["planes_as_channels"]


def _input(planes: int | None) -> str:
    """Return what a network takes, in words: images of so many planes, or cuboids."""
    if planes is None:
        return "cuboids"
    return "images of 1 plane" if planes == 1 else f"images of {planes} planes"
