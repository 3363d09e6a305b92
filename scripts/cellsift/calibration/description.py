"""model.json, by which trained models are used: written and read without them or torch."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cellsift.errors import InputError
from cellsift.io.json_files import read_json, write_json
from cellsift.io.names import MODEL_FILE
from cellsift.settings.learnt_detection import KEY as DETECTION
from cellsift.settings.learnt_detection import LearntDetection

# Of a model's provenance: the brains it was trained on, those by which its epoch was chosen, and
# those of the models that it goes back to.
LEARNT_FROM = ("brains", "judged_on", "earlier_brains")


def read_description(folder: str | Path) -> dict[str, Any]:
    """Return what model.json in a folder says, its temperature and threshold checked.

    Raises InputError if it is missing, damaged or not that of a calibrated arm.
    """
    path = Path(folder) / MODEL_FILE
    try:
        content = read_json(path)
        temperature, threshold = calibrated(content, path)
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise InputError(
            f"{path} is no description of trained models ({type(error).__name__}: {error}); "
            "give the folder of a trained and calibrated arm"
        ) from error
    return content | {"temperature": temperature, "threshold": threshold}


def write_description(
    folder: str | Path,
    fold_files: Sequence[str | Path],
    calibration: Mapping[str, Any],
    detection: LearntDetection | None = None,
    *,
    draft: bool = False,
) -> Path:
    """Write model.json, which makes the fold models in a folder one classifier; return its path.

    It holds what `description_of` gives, whose arguments these are; of a `draft` also that it is
    one.
    """
    content = description_of(folder, fold_files, calibration, detection) | of_draft(draft)
    write_json(content, Path(folder) / MODEL_FILE)
    return Path(folder) / MODEL_FILE


def description_of(
    folder: str | Path,
    fold_files: Sequence[str | Path],
    calibration: Mapping[str, Any],
    detection: LearntDetection | None = None,
) -> dict[str, Any]:
    """Return what model.json says of the fold models in a folder.

    It repeats what the folds' files say of their making: `normalisation` and, under `provenance`,
    seed, recipe and brains (all that any fold learnt from). What differs between the folds is a
    list in their order, as with normalisation by the statistics of each fold's cuboids.

    Args:
        fold_files: JSON sidecars in the folder, from `train_fold`.
        calibration: `temperature` and `threshold`; all of it is kept.
        detection: of the candidates that were learnt from; None: it is not recorded.
    """
    folder = Path(folder)
    names = [Path(file).with_suffix(".json").name for file in fold_files]
    if not names:
        raise InputError(f"{folder}: an ensemble needs the model of at least one fold")
    sidecars = [read_json(folder / name) for name in names]
    first, made = sidecars[0], [sidecar["provenance"] for sidecar in sidecars]
    temperature, threshold = calibrated(calibration, folder / MODEL_FILE)
    return {
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
        **({} if detection is None else {DETECTION: detection.to_dict()}),
    }


def is_calibrated(content: Mapping[str, Any]) -> bool:
    """Whether out-of-fold scores stand behind the temperature in the content of a model.json.

    Example:
        >>> is_calibrated({"calibration": {"temperature": 1.2, "n": 300}})
        True
        >>> is_calibrated({"temperature": 1.0, "threshold": 0.5})
        False
    """
    finished = content.get("finished")
    if isinstance(finished, Mapping):
        return finished.get("calibrated") is True
    calibration = content.get("calibration")
    return isinstance(calibration, Mapping) and "n" in calibration


def of_draft(draft: bool) -> dict[str, bool]:
    """Return what model.json says of a draft's model; of any other it says nothing."""
    return {"draft": True} if draft else {}


def brains_in(provenance: object) -> list[str]:
    """Return the brains from whose labels a model has learnt, as its provenance names them.

    Example:
        >>> brains_in({"brains": ["b"], "judged_on": ["a"], "seed": 1})
        ['a', 'b']
    """
    if not isinstance(provenance, dict):
        return []
    named = [provenance.get(key, []) for key in LEARNT_FROM]
    return sorted({str(brain) for brains in named if isinstance(brains, list) for brain in brains})


def calibrated(content: Mapping[str, Any], path: Path) -> tuple[float, float]:
    """Return temperature and threshold; raise InputError, naming the file, if they cannot be."""
    temperature, threshold = float(content["temperature"]), float(content["threshold"])
    if not (0 < temperature < float("inf") and 0 <= threshold <= 1):
        raise InputError(
            f"{path}: temperature {temperature} has to be above 0 and finite, threshold "
            f"{threshold} from 0 to 1; calibrate the arm anew"
        )
    return temperature, threshold


def _shared(of_folds: list) -> Any:
    """What all folds have in common, or the list of what each has."""
    return of_folds[0] if all(value == of_folds[0] for value in of_folds) else of_folds
