"""Weights to start a training from: read from a file, and refused unless they fit the network."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from cellsift.cuboids.normalisation import Normalisation
from cellsift.errors import InputError
from cellsift.interop.cellfinder_weights import depth_of, stem_kernel, weights_from_layers
from cellsift.interop.keras_files import ENDINGS, read_layers
from cellsift.io.json_files import read_json
from cellsift.models import complete_options, create_model
from cellsift.models.backbone import head_tensors
from cellsift.models.layers.planes import is_flat
from cellsift.models.starting_weights import check_fit
from cellsift.models.storage import check_file_names, load_tensors
from cellsift.settings.arms import Arm
from cellsift.training.classification.fold_data import FoldData

CELLFINDERS = "resnet_cellfinder"
CELLFINDERS_INPUT = "linear"
ARM = "model.json"
# Of a model's provenance: the brains it was trained on, those by which its epoch was chosen, and
# those of the models that it goes back to.
LEARNT_FROM = ("brains", "judged_on", "earlier_brains")

Tensors = dict[str, torch.Tensor]
Shape = tuple[int, int, int]


def read_starting_point(
    path: str | Path,
    architecture: str,
    options: Mapping[str, Any],
    in_channels: int,
    cuboid_shape: Sequence[int],
    voxel_size: Sequence[float],
    normalisation: str,
) -> Tensors:
    """Return weights for the network of this architecture, for `models.start_from`.

    Args:
        path: a model of cellsift (fold-N.json), the backbone of a pre-training (backbone.json),
            an arm (its folder or its model.json: then its first fold's model), or weights of
            cellfinder's ResNets (.h5, .hdf5, .keras). A backbone comes without a head.
        options: the architecture's own, as in the arm.
        in_channels: of the cuboids.
        cuboid_shape: voxels along z, y, x.
        voxel_size: of the cuboids, µm, z, y, x.
        normalisation: what the recipe calls it. cellfinder's weights learnt from raw intensities,
            `linear`; at which voxel size they do not tell.

    Raises:
        InputError: a file that cannot be read, whose network is another, or which has learnt from
            cuboids of another normalisation or voxel size; both are named.
    """
    path = model_file(path)
    shape = tuple(map(int, cuboid_shape))
    # On the meta device nothing is allocated, and no random numbers are drawn.
    with torch.device("meta"):
        network = create_model(architecture, in_channels, shape, **options)
    if path.suffix.lower() in ENDINGS:
        tensors = weights_from_layers(read_layers(path))
        _check_cellfinder(path, tensors, architecture, options, in_channels, shape)
        _check_normalisation(path, CELLFINDERS_INPUT, normalisation)
        made_for = None
    else:
        tensors, sidecar = load_tensors(path)
        _check_sidecar(path, sidecar, architecture, options, in_channels)
        learnt_with = Normalisation.from_dict(sidecar["normalisation"]).name
        _check_normalisation(path, learnt_with, normalisation)
        _check_voxel_size(path, sidecar["cuboid"]["voxel_size"], voxel_size)
        made_for = tuple(sidecar["cuboid"]["shape"])
    _check_tensors(path, tensors, network, shape, made_for)
    return tensors


def starting_weights(
    path: str | Path | None, arm: Arm, recipe: Mapping[str, Any], data: FoldData
) -> Tensors | None:
    """Return the weights that an arm's folds start from; None if its recipe names no such.

    Raises:
        InputError: as `read_starting_point`; no path for what the recipe names, or one that it
            does not; or a model that learnt from a brain of this training, whose held-out
            candidates it may know.
    """
    named = recipe["pretraining"] or recipe["init_from"]
    if (path is None) != (not named):
        raise InputError(
            f"the recipe starts from {named or 'random weights'!r}, and the weights given are "
            f"{path}; give both or neither"
        )
    if path is None:
        return None
    brains = {*data.training_table["brain"], *data.held_out_table["brain"]}
    refuse_known_brains(path, brains)
    return read_starting_point(
        path, arm.architecture, arm.options, *data.training.layout, recipe["normalisation"]
    )


def refuse_known_brains(path: str | Path, brains: Iterable[str]) -> None:
    """Raise InputError if a model has learnt from the labels of one of these brains."""
    if known := sorted(set(learnt_from(path)) & set(brains)):
        raise InputError(
            f"{path} has learnt from brain {', '.join(known)}, which is to be judged here: the "
            "figures would be too good; start from a model of other brains, or from a pre-training"
        )


def digest(tensors: Tensors | None) -> str | None:
    """Return a hash of weights by name; None for none."""
    if tensors is None:
        return None
    found = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        found.update(f"{name} {tensor.dtype} {list(tensor.shape)}".encode())
        found.update(tensor.contiguous().numpy().tobytes())
    return found.hexdigest()


def file_digest(path: str | Path) -> str:
    """Return a hash of the file of a starting point's weights."""
    path = model_file(path)
    weights = path if path.suffix.lower() in ENDINGS else path.with_suffix(".safetensors")
    with weights.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def learnt_from(path: str | Path) -> list[str]:
    """Return the names of the brains from whose labels a model has learnt.

    Those on which it was trained and those by which its epoch was chosen, also those of the models
    that it started from or was taught by, and so on. None for a pre-training, which sees no labels,
    and for cellfinder's weights, which do not tell. A network that starts from another must not be
    judged on these brains.
    """
    path = model_file(path)
    if path.suffix.lower() in ENDINGS:
        return []
    _, sidecar = load_tensors(path)
    if "pretraining" in sidecar:
        return []
    made = sidecar["provenance"]
    if not isinstance(made, dict):
        return []
    return sorted({str(brain) for key in LEARNT_FROM for brain in made.get(key, [])})


def model_file(path: str | Path) -> Path:
    """Return the file that holds, or tells of, the weights: an arm stands for its first fold."""
    path = Path(path)
    if path.is_dir():
        path = path / ARM
    if not path.is_file():
        raise InputError(
            f"{path} does not exist; start from a model of cellsift (fold-0.json, or an arm's "
            f"folder), a pre-training's backbone.json, or cellfinder's weights "
            f"({', '.join(ENDINGS)})"
        )
    if path.suffix.lower() not in (".json", *ENDINGS):
        raise InputError(
            f"{path}: weights are read from .json (beside .safetensors), {', '.join(ENDINGS)}; "
            "give such a file"
        )
    if path.name == ARM:
        path = path.with_name(_first_fold(path))
    return path


def _first_fold(path: Path) -> str:
    try:
        content = read_json(path)
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} cannot be read as JSON: {error}") from error
    folds = content.get("folds") if isinstance(content, dict) else None
    return check_file_names(folds, path)[0]


def _check_sidecar(
    path: Path, sidecar: dict, architecture: str, options: Mapping[str, Any], in_channels: int
) -> None:
    found = (sidecar["architecture"], sidecar["options"])
    if not same_network(found, (architecture, options)):
        raise InputError(
            f"{path} holds {describe_network(*found)}, the arm "
            f"{describe_network(architecture, options)}; give both the same architecture and "
            "options"
        )
    _check_channels(path, sidecar["in_channels"], in_channels)


def _check_cellfinder(
    path: Path,
    tensors: Tensors,
    architecture: str,
    options: Mapping[str, Any],
    in_channels: int,
    shape: Shape,
) -> None:
    if architecture != CELLFINDERS:
        raise InputError(
            f"{path} holds a ResNet of cellfinder's, which only architecture {CELLFINDERS} can "
            f"start from, not {architecture}; change the arm's architecture"
        )
    stem = stem_kernel(tensors)
    flat = complete_options(architecture, options)["planes_as_channels"]
    given = _input(planes=1 if stem.ndim == 4 else None)
    taken = _input(planes=shape[0] if is_flat(shape, flat) else None)
    if given != taken:
        raise InputError(
            f"{path} holds cellfinder's ResNet for {given}, the arm's is for {taken}; change "
            "cuboid.shape in the config, or planes_as_channels among the arm's options"
        )
    found = {"depth": depth_of(tensors), "width": stem.shape[0], "planes_as_channels": flat}
    if not same_network((CELLFINDERS, found), (architecture, options)):
        raise InputError(
            f"{path} holds cellfinder's ResNet of {found['depth']} layers and width "
            f"{found['width']}, not {describe_network(architecture, options)}; set the arm's "
            f"options to {{depth: {found['depth']}, width: {found['width']}}}"
        )
    _check_channels(path, stem.shape[1], in_channels)


def _check_channels(path: Path, found: int, wanted: int) -> None:
    if found == wanted:
        return
    change = "give every brain its background" if wanted < found else "leave background empty"
    raise InputError(
        f"{path} is for {_channels(found)}, the cuboids have {_channels(wanted)}; {change} in the "
        f"table of brains, or start from weights for {_channels(wanted)}"
    )


def _check_normalisation(path: Path, found: str, wanted: str) -> None:
    if found != wanted:
        raise InputError(
            f"{path} has learnt from intensities of normalisation {found}, the arm's is {wanted}; "
            f"set `normalisation: {found}` in the arm's training, or start from other weights"
        )


def _check_voxel_size(path: Path, found: Sequence[float], wanted: Sequence[float]) -> None:
    if not np.allclose(found, wanted, rtol=1e-3):
        raise InputError(
            f"{path} has learnt from cuboids of voxels of {list(map(float, found))} µm (z, y, x), "
            f"those here are of {list(map(float, wanted))} µm; set cuboid.voxel_size in the config "
            "to that of the weights, or start from others"
        )


def _check_tensors(
    path: Path, tensors: Tensors, network: torch.nn.Module, shape: Shape, made_for: Shape | None
) -> None:
    parts = "all" if head_tensors(network) & set(tensors) else "backbone"
    try:
        check_fit(network, tensors, parts)
    except InputError as error:
        # Weights of cellfinder's do not tell the shape of their cuboids.
        size = " of other planes" if made_for is None else f" of {list(made_for)}"
        reason = "" if made_for == shape else f" was made for cuboids{size}, not {list(shape)}"
        raise InputError(f"{path}{reason}: {error}") from error


def same_network(
    first: tuple[str, Mapping[str, Any]], second: tuple[str, Mapping[str, Any]]
) -> bool:
    """Return whether two pairs of architecture and options stand for the same network."""
    return first[0] == second[0] and complete_options(*first) == complete_options(*second)


def describe_network(architecture: str, options: Mapping[str, Any]) -> str:
    """Return an architecture and its options in words, for a message."""
    whole = complete_options(architecture, options)
    return f"{architecture} {{{', '.join(f'{key}: {value}' for key, value in whole.items())}}}"


def _input(planes: int | None) -> str:
    """Return what a network takes, in words: images of so many planes, or cuboids."""
    if planes is None:
        return "cuboids"
    return "images of 1 plane" if planes == 1 else f"images of {planes} planes"


def _channels(count: int) -> str:
    return f"{count} channel" if count == 1 else f"{count} channels"
