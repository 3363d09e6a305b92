"""Models on disk: weights as safetensors, and a JSON sidecar that says how to use them.

Neither file can run code when it is loaded.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from cellsift.cuboids.normalisation import Normalisation
from cellsift.errors import InputError
from cellsift.io.atomic import atomic_file
from cellsift.io.axes import Layout
from cellsift.io.checksums import file_sha256
from cellsift.io.json_files import read_json, write_json
from cellsift.models.contract import Network
from cellsift.models.registry import check_options, create_model

REQUIRED = ("architecture", "options", "in_channels", "cuboid", "normalisation", "provenance")


def network_part(
    architecture: str, options: Mapping[str, Any], layout: Layout, normalisation: Normalisation
) -> dict[str, Any]:
    """Return the part of a sidecar that says how a network is built, and what it is fed.

    Args:
        layout: channels, shape (z, y, x) and voxel size (µm) of the cuboids that it takes.

    Example:
        >>> part = network_part("resnet", {}, (1, (8, 9, 9), (5.0, 2.0, 2.0)), Normalisation("log"))
        >>> part["in_channels"], part["cuboid"]["shape"]
        (1, [8, 9, 9])
    """
    channels, shape, voxel_size = layout
    return {
        "architecture": architecture,
        "options": dict(options),
        "in_channels": channels,
        "cuboid": {"shape": list(shape), "voxel_size": list(voxel_size)},
        "normalisation": normalisation.to_dict(),
    }


def save_model(json_path: str | Path, model: Network, sidecar: dict) -> Path:
    """Write all of a model's tensors and its sidecar, as `save_tensors` does."""
    return save_tensors(json_path, model.state_dict(), sidecar)


def save_tensors(json_path: str | Path, tensors: Mapping[str, torch.Tensor], sidecar: dict) -> Path:
    """Write a sidecar, NAME.json, and the weights beside it, NAME.safetensors; return its path.

    The sidecar gets a key `weights_sha256`, by which `load_model` knows that the two belong
    together; the JSON is written last, so a killed job leaves no pair that looks whole.

    Args:
        sidecar: has at least what `network_part` gives, and `provenance`; further keys are kept.

    Raises:
        InputError: the sidecar lacks a key or describes something that cannot be built.
    """
    json_path = Path(json_path)
    check_sidecar(sidecar, json_path)
    # clone: safetensors refuses tensors that share memory or are strided for channels-last.
    tensors = {
        name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, tensor in tensors.items()
    }
    weights = weights_path(json_path)
    with atomic_file(weights) as beside:
        save_file(tensors, beside)
    write_json(sidecar | {"weights_sha256": file_sha256(weights)}, json_path)
    return json_path


def load_model(json_path: str | Path) -> tuple[Network, dict]:
    """Return a stored model, on the CPU and in evaluation mode, and its sidecar.

    The weights lie beside the sidecar, under the same name with the ending .safetensors.

    Raises:
        InputError: a file is missing, not what its name says, or does not fit the other.
    """
    json_path = Path(json_path)
    tensors, sidecar = load_tensors(json_path)
    # The throw-away initial weights must not move the caller's random numbers on.
    with torch.random.fork_rng(devices=[]):
        model = _build(sidecar, json_path)
    _check_tensors(model.state_dict(), tensors, weights_path(json_path))
    model.load_state_dict(tensors)
    return model.eval(), sidecar


def load_tensors(json_path: str | Path) -> tuple[dict[str, torch.Tensor], dict]:
    """Return the tensors of a stored model, or of a part of one, and its sidecar.

    Raises:
        InputError: a file is missing, not what its name says, or written for another.
    """
    json_path = Path(json_path)
    sidecar = _read_sidecar(json_path)
    check_sidecar(sidecar, json_path)
    weights = weights_path(json_path)
    tensors = _read_weights(weights)
    if sidecar.get("weights_sha256") not in (None, file_sha256(weights)):
        raise InputError(
            f"{weights} holds other weights than those {json_path.name} was written for; "
            "train again, or restore both files from the same copy"
        )
    return tensors, sidecar


def check_sidecar(sidecar: dict, path: Path) -> None:
    """Raise InputError, naming the file, unless the sidecar has what a model needs."""
    if not isinstance(sidecar, dict):
        raise InputError(f"{path} holds no JSON object; a model's sidecar is needed")
    missing = [key for key in REQUIRED if key not in sidecar]
    if missing:
        raise InputError(f"{path} lacks the keys {', '.join(missing)}; it is no model's sidecar")
    if not isinstance(sidecar["options"], dict):
        raise InputError(f"{path}: 'options' is {sidecar['options']!r}; give a mapping")
    _check_cuboid(sidecar["cuboid"], path)
    try:
        Normalisation.from_dict(sidecar["normalisation"])
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def _check_cuboid(cuboid: dict, path: Path) -> None:
    for key in ("shape", "voxel_size"):
        values = cuboid.get(key) if isinstance(cuboid, dict) else None
        if (
            not isinstance(values, list | tuple)
            or not all(isinstance(v, int | float) and v > 0 for v in values)
            or len(values) != 3
        ):
            raise InputError(f"{path}: cuboid {key} is {values!r}; give three numbers z, y, x")


def _read_sidecar(path: Path) -> dict:
    try:
        return read_json(path)
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist; give the JSON file of a trained model") from error
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise InputError(f"{path} cannot be read as JSON: {error}") from error


def _read_weights(path: Path) -> dict[str, torch.Tensor]:
    if not path.is_file():
        raise InputError(f"{path} does not exist; a model is a .json and a .safetensors file")
    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError, KeyError) as error:
        raise InputError(f"{path} is no whole safetensors file: {error}") from error


def _build(sidecar: dict, path: Path) -> Network:
    try:
        check_options(sidecar["architecture"], sidecar["options"])
        return create_model(
            sidecar["architecture"],
            sidecar["in_channels"],
            sidecar["cuboid"]["shape"],
            **sidecar["options"],
        )
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def _check_tensors(
    wanted: dict[str, torch.Tensor], found: dict[str, torch.Tensor], path: Path
) -> None:
    missing, unexpected = sorted(set(wanted) - set(found)), sorted(set(found) - set(wanted))
    differing = [
        f"{name} is {_describe(found[name])}, not {_describe(tensor)}"
        for name, tensor in wanted.items()
        if name in found and _describe(found[name]) != _describe(tensor)
    ]
    problems = []
    if missing:
        problems.append(f"{len(missing)} tensors missing ({missing[0]}, ...)")
    if unexpected:
        problems.append(f"{len(unexpected)} tensors unexpected ({unexpected[0]}, ...)")
    if differing:
        problems.append(f"{len(differing)} tensors of another shape or type ({differing[0]}, ...)")
    if problems:
        raise InputError(
            f"{path} does not fit the architecture in its sidecar: {'; '.join(problems)}"
        )


def _describe(tensor: torch.Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {list(tensor.shape)}"


def weights_path(json_path: Path) -> Path:
    """Return the file of the weights that a JSON sidecar belongs to, which lies beside it."""
    return json_path.with_suffix(".safetensors")
