"""The networks of finished models: checked, and written in the format of trained arms."""

from pathlib import Path

import torch

from cellsift.cuboids.normalisation import Normalisation
from cellsift.errors import InputError
from cellsift.interop.cellfinder_weights import depth_of, stem_kernel, weights_from_layers
from cellsift.interop.finished_models import find_model
from cellsift.interop.keras_files import read_layers
from cellsift.models.registry import create_model
from cellsift.models.storage import file_sha256, load_model, network_part, save_model
from cellsift.models.weight_transfer import check_fit
from cellsift.settings.finished import FinishedModel

# cellfinder's networks take raw intensities.
CELLFINDER_NORMALISATION = "linear"
# Axes of the kernels of its network for single planes.
OF_PLANES = 4


def check_finished_model(model: FinishedModel, channels: int) -> None:
    """Raise InputError unless a model takes cuboids of so many channels, as far as can be told.

    Of cellfinder's files the weights are read; those of a folder when it is accepted.
    """
    found = model.channels
    if found is None:
        found = stem_kernel(_cellfinder_weights(model)).shape[1]
    if found == channels:
        return
    if found == 2:
        raise InputError(
            f"{model.path} takes signal and background, but the brains have no background; give "
            "each brain its background in the table of brains, or take a model of one channel"
        )
    raise InputError(
        f"{model.path} takes the signal alone, but the brains have a background; leave the column "
        "background of the table of brains empty, or take a model of two channels"
    )


def write_fold(model: FinishedModel, fold: int, json_path: str | Path) -> Path:
    """Write one of a finished model's networks as `save_model` does; return its path.

    Its weights are checked against its sidecar and by their checksum. The sidecar is kept as it is.
    Raises InputError for files that are damaged, or do not fit each other.
    """
    source = Path(model.folds[fold][0])
    if source.suffix == ".json":
        return save_model(json_path, *load_model(source))
    return _write_cellfinder(model, source, json_path)


def _write_cellfinder(model: FinishedModel, source: Path, json_path: str | Path) -> Path:
    weights = _cellfinder_weights(model)
    kernel = stem_kernel(weights)
    options = {"depth": depth_of(weights), "width": int(kernel.shape[0])}
    layout = (int(kernel.shape[1]), model.shape, model.voxel_size)
    network = create_model(model.architecture, layout[0], model.shape, **options)
    try:
        check_fit(network, weights, "all")
    except InputError as error:
        raise InputError(
            f"{model.path} is not for cuboids of {list(model.shape)} voxels of "
            f"{list(model.voxel_size)} µm, which cellfinder cuts unless told else: {error}"
        ) from error
    network.load_state_dict(weights)
    normalisation = Normalisation.named(CELLFINDER_NORMALISATION)
    described = network_part(model.architecture, options, layout, normalisation)
    made = {"arm": source.name, "fold": 0, "cellfinder_sha256": file_sha256(source)}
    return save_model(json_path, network, described | {"provenance": made})


def _cellfinder_weights(model: FinishedModel) -> dict[str, torch.Tensor]:
    path = find_model(model.path)
    try:
        weights = weights_from_layers(read_layers(path))
    except InputError as error:
        said = str(error)
        raise InputError(said if str(path) in said else f"{path}: {said}") from error
    if stem_kernel(weights).ndim == OF_PLANES:
        raise InputError(
            f"{path} holds cellfinder's network for single planes (2D), which is not used as it "
            "is; train an arm of architecture resnet_cellfinder with training: {init_from: "
            f"{path}}}"
        )
    return weights
