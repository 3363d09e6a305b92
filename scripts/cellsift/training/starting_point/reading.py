"""Reading the weights that a training starts from."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from cellsift.errors import InputError
from cellsift.io.axes import Layout
from cellsift.settings.arms import Arm
from cellsift.settings.recipe import Recipe
from cellsift.training.starting_point.cellfinder_model import read_cellfinder_model
from cellsift.training.starting_point.cellsift_model import read_cellsift_model
from cellsift.training.starting_point.checks import Tensors
from cellsift.training.starting_point.files import is_keras_file, model_file
from cellsift.training.starting_point.leakage import refuse_known_brains
from cellsift.training.starting_point.wanted import WantedNetwork


def read_starting_point(path: str | Path, wanted: WantedNetwork) -> Tensors:
    """Return weights for a network, for `weight_transfer.start_from`.

    Args:
        path: a model of cellsift (fold-N.json), the backbone of a pre-training (backbone.json),
            an arm (its folder or its model.json: then its first fold's model), or weights of
            cellfinder's ResNets (.h5, .hdf5, .keras). A backbone comes without a head.

    Raises:
        InputError: a file that cannot be read, whose network is another, or which has learnt from
            cuboids of another normalisation or voxel size; both are named.
    """
    path = model_file(path)
    read = read_cellfinder_model if is_keras_file(path) else read_cellsift_model
    return read(path, wanted)


def starting_weights(
    path: Path | None, arm: Arm, brains: Iterable[str], layout: Layout
) -> Tensors | None:
    """Return the weights that an arm's folds start from; None if its recipe names no such.

    Args:
        brains: those that are trained on, or that the training is judged by.
        layout: channels, shape and voxel size of the cuboids, as of `Cuboids`.

    Raises:
        InputError: as `read_starting_point`; no path for what the recipe names, or one that it
            does not; or a model that learnt from a brain of this training, whose held-out
            candidates it may know.
    """
    recipe = arm.recipe or Recipe()
    named = recipe.pretraining or recipe.init_from
    if (path is None) != (not named):
        raise InputError(
            f"the recipe starts from {named or 'random weights'!r}, and the weights given are "
            f"{path}; give both or neither"
        )
    if path is None:
        return None
    refuse_known_brains(path, brains)
    network = (arm.architecture, arm.options, *layout)
    return read_starting_point(path, WantedNetwork(*network, recipe.normalisation))


def hash_of(tensors: Tensors | None) -> str | None:
    """Return a hash of weights by name; None for none."""
    if tensors is None:
        return None
    found = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        found.update(f"{name} {tensor.dtype} {list(tensor.shape)}".encode())
        found.update(tensor.contiguous().numpy().tobytes())
    return found.hexdigest()
