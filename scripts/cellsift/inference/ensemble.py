"""The models of an arm, one per fold, and the calibration they share: model.json."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cellsift.errors import InputError
from cellsift.io.cuboids import CuboidStore
from cellsift.io.whole import read_json, write_json
from cellsift.models.storage import check_file_names
from cellsift.training.scoring import Scorer, read_scorer

FILE = "model.json"


@dataclass(frozen=True)
class Ensemble:
    """The trained models of an arm; their mean logit over `temperature` gives p_cell.

    Attributes:
        channels, shape, voxel_size: the cuboids they take, z, y, x, µm.
        threshold: on p_cell.
    """

    scorers: tuple[Scorer, ...]
    channels: int
    shape: tuple[int, int, int]
    voxel_size: tuple[float, float, float]
    temperature: float
    threshold: float

    def check_cuboids(self, store: CuboidStore) -> None:
        """Raise InputError unless the store's cuboids are like those trained on."""
        wanted = (self.channels, self.shape, self.voxel_size)
        found = (store.channels, tuple(store.shape), tuple(map(float, store.voxel_size)))
        if wanted != found:
            raise InputError(
                f"the models take cuboids with (channels, shape, voxel size in µm) {wanted}, the "
                f"brain's are {found}; extract its cuboids as the models need them (with or "
                "without a background), or train with such cuboids"
            )


def write_ensemble(
    folder: str | Path, fold_files: Sequence[str | Path], calibration: Mapping[str, Any]
) -> Path:
    """Write model.json, which makes the fold models in a folder one classifier; return its path.

    It repeats what the folds' files say of their making: `normalisation` and, under `provenance`,
    seed, recipe and brains (all that any fold learnt from). What differs between the folds is a
    list in their order, as with normalisation by the statistics of each fold's cuboids.

    Args:
        fold_files: JSON sidecars in the folder, from `train_fold`.
        calibration: `temperature` and `threshold`; all of it is kept.
    """
    folder = Path(folder)
    names = [Path(file).with_suffix(".json").name for file in fold_files]
    if not names:
        raise InputError(f"{folder}: an ensemble needs the model of at least one fold")
    sidecars = [read_json(folder / name) for name in names]
    first, made = sidecars[0], [sidecar["provenance"] for sidecar in sidecars]
    temperature, threshold = _calibrated(calibration, folder / FILE)
    content = {
        "architecture": first["architecture"],
        "options": first["options"],
        "in_channels": first["in_channels"],
        "cuboid": first["cuboid"],
        "normalisation": _shared([sidecar["normalisation"] for sidecar in sidecars]),
        "folds": names,
        "temperature": temperature,
        "threshold": threshold,
        "calibration": dict(calibration),
        "provenance": {
            "arm": made[0].get("arm"),
            "seed": _shared([of_fold.get("seed") for of_fold in made]),
            "recipe": _shared([of_fold.get("recipe") for of_fold in made]),
            "brains": sorted({brain for of_fold in made for brain in of_fold.get("brains", [])}),
            "versions": made[0].get("versions", {}),
        },
    }
    write_json(content, folder / FILE)
    return folder / FILE


def load_ensemble(folder: str | Path) -> Ensemble:
    """Return the models that model.json in a folder lists.

    Raises:
        InputError: a file is missing or damaged, or the models take different cuboids.
    """
    path = Path(folder) / FILE
    try:
        content = read_json(path)
        names, temperature, threshold = content["folds"], *_calibrated(content, path)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path} is no description of trained models ({type(error).__name__}: {error}); "
            "give the folder of a trained and calibrated arm"
        ) from error
    loaded = [read_scorer(path.parent / name) for name in check_file_names(names, path)]
    layouts = {
        (car["in_channels"], tuple(car["cuboid"]["shape"]), tuple(car["cuboid"]["voxel_size"]))
        for _, car in loaded
    }
    if len(layouts) > 1:
        raise InputError(f"{path} lists models for different cuboids: {layouts}; train them anew")
    channels, shape, voxel_size = layouts.pop()
    return Ensemble(
        tuple(scorer for scorer, _ in loaded),
        channels,
        shape,
        tuple(map(float, voxel_size)),
        temperature,
        threshold,
    )


def _shared(of_folds: list) -> Any:
    """What all folds have in common, or the list of what each has."""
    return of_folds[0] if all(value == of_folds[0] for value in of_folds) else of_folds


def _calibrated(content: Mapping[str, Any], path: Path) -> tuple[float, float]:
    temperature, threshold = float(content["temperature"]), float(content["threshold"])
    if not (0 < temperature < float("inf") and 0 <= threshold <= 1):
        raise InputError(
            f"{path}: temperature {temperature} has to be above 0 and finite, threshold "
            f"{threshold} from 0 to 1; calibrate the arm anew"
        )
    return temperature, threshold
