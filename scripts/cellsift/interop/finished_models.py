"""Finished models, which are used as they are: where they lie, and what they say of themselves.

No weights are read and torch is not imported: every start of the workflow asks.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cellsift.calibration.description import brains_in, read_description
from cellsift.errors import InputError
from cellsift.interop.keras_files import ENDINGS
from cellsift.io.axes import Layout
from cellsift.io.json_files import read_json
from cellsift.io.names import MODEL_FILE, check_file_names
from cellsift.io.paths import hint
from cellsift.models import architecture_file
from cellsift.settings.arms import ENSEMBLE
from cellsift.settings.finished import FinishedModel
from cellsift.settings.learnt_detection import LearntDetection

# cellfinder's files do not tell what its networks take: what it makes of a brain unless told else.
CELLFINDER = "resnet_cellfinder"
CELLFINDER_SHAPE, CELLFINDER_VOXEL_SIZE = (20, 50, 50), (5.0, 1.0, 1.0)


def find_model(name: str) -> Path:
    """Return the folder, or the Keras file, that a finished model is read from.

    The one place where what is written into an arm's file becomes a path. Raises InputError where
    nothing lies there that can be a finished model.
    """
    path = Path(name)
    if path.name == MODEL_FILE:
        path = path.parent
    if path.is_dir() and (path / MODEL_FILE).is_file():
        return path
    if path.is_file() and path.suffix.lower() in ENDINGS:
        return path
    found = "has no model.json" if path.is_dir() else "is no model" if path.exists() else ""
    raise InputError(
        f"{path} {found or 'does not exist'}; give the folder of a trained arm, as "
        f"results/models/ARM with its {MODEL_FILE}, or cellfinder's weights ({', '.join(ENDINGS)})."
        f"{hint(path)}"
    )


def describe_model(name: str) -> FinishedModel:
    """Return what a finished model says of itself, by the name in an arm's file.

    Raises InputError for one that is not there, is made of several arms, or whose files say nothing
    that can be used; whether its weights are whole is seen when they are read.

    Example:
        describe_model("results/mine/models/resnet").shape  # (20, 50, 50)
    """
    path = find_model(name)
    if path.is_file():
        cuboid = (CELLFINDER_SHAPE, CELLFINDER_VOXEL_SIZE)
        return FinishedModel(str(path), CELLFINDER, {}, None, *cuboid, ((str(path),),))
    return _of_folder(path)


def _of_folder(folder: Path) -> FinishedModel:
    path = folder / MODEL_FILE
    content = read_description(folder)
    if "members" in content or content.get("architecture") == ENSEMBLE:
        raise InputError(
            f"{path} is an ensemble, which has no network of its own; make an arm with `model` of "
            "each of its members' folders"
        )
    files = [folder / name for name in check_file_names(content.get("folds"), path)]
    sidecars = [_sidecar(file) for file in files]
    layouts = {_layout(sidecar, file) for sidecar, file in zip(sidecars, files, strict=True)}
    if len(layouts) > 1:
        raise InputError(f"{path} lists networks for different cuboids: {layouts}; train them anew")
    channels, shape, voxel_size = layouts.pop()
    architecture, options = sidecars[0].get("architecture"), sidecars[0].get("options")
    if not isinstance(architecture, str) or not isinstance(options, dict):
        raise InputError(f"{files[0]} names no architecture with options; it is no model's sidecar")
    _refuse_unknown(architecture, files[0])
    learnt_from = sorted({brain for car in sidecars for brain in brains_in(car.get("provenance"))})
    folds = tuple((str(file), str(file.with_suffix(".safetensors"))) for file in files)
    for _, weights in folds:
        if not Path(weights).is_file():
            raise InputError(f"{weights} does not exist; copy the whole folder of the model again")
    return FinishedModel(
        str(folder),
        architecture,
        options,
        channels,
        shape,
        voxel_size,
        folds,
        tuple(learnt_from),
        LearntDetection.in_description(content, path),
    )


def _sidecar(path: Path) -> Mapping[str, Any]:
    try:
        content = read_json(path)
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(
            f"{path} cannot be read as JSON ({error}); copy the whole folder of the model again"
        ) from error
    if not isinstance(content, dict):
        raise InputError(f"{path} holds no JSON object; a model's sidecar is needed")
    return content


def _layout(sidecar: Mapping[str, Any], path: Path) -> Layout:
    """Channels, shape and voxel size of the cuboids that a network takes."""
    try:
        channels, cuboid = int(sidecar["in_channels"]), sidecar["cuboid"]
        z, y, x = map(int, cuboid["shape"])
        size_z, size_y, size_x = map(float, cuboid["voxel_size"])
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise InputError(
            f"{path} does not say which cuboids its network takes ({type(error).__name__}: "
            f"{error}); it is no model's sidecar"
        ) from error
    if channels not in (1, 2) or min(z, y, x, size_z, size_y, size_x) <= 0:
        raise InputError(
            f"{path}: cuboids of {channels} channels, {[z, y, x]} voxels of "
            f"{[size_z, size_y, size_x]} µm cannot be; it is no model's sidecar"
        )
    return channels, (z, y, x), (size_z, size_y, size_x)


def _refuse_unknown(architecture: str, path: Path) -> None:
    try:
        architecture_file(architecture)
    except InputError as error:
        raise InputError(f"{path}: {error}; or update cellsift to the version it is of") from error
