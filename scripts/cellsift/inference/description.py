"""model.json, by which trained models are used, read without the models; needs no torch."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cellsift.errors import InputError
from cellsift.io.whole import read_json

FILE = "model.json"


def read_description(folder: str | Path) -> dict[str, Any]:
    """Return what model.json in a folder says, its temperature and threshold checked.

    Raises InputError if it is missing, damaged or not that of a calibrated arm.
    """
    path = Path(folder) / FILE
    try:
        content = read_json(path)
        temperature, threshold = calibrated(content, path)
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise InputError(
            f"{path} is no description of trained models ({type(error).__name__}: {error}); "
            "give the folder of a trained and calibrated arm"
        ) from error
    return content | {"temperature": temperature, "threshold": threshold}


def calibrated(content: Mapping[str, Any], path: Path) -> tuple[float, float]:
    """Return temperature and threshold; raise InputError, naming the file, if they cannot be."""
    temperature, threshold = float(content["temperature"]), float(content["threshold"])
    if not (0 < temperature < float("inf") and 0 <= threshold <= 1):
        raise InputError(
            f"{path}: temperature {temperature} has to be above 0 and finite, threshold "
            f"{threshold} from 0 to 1; calibrate the arm anew"
        )
    return temperature, threshold
