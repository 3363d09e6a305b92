"""Detectors: where in a volume a cell may be. One module per detector, listed here."""

from types import ModuleType

import numpy as np
import pandas as pd

from cellsift.detection import cellfinder, dog
from cellsift.detection.parameters import complete
from cellsift.errors import InputError
from cellsift.io.volumes import Volume

# A detector is a module with PARAMETERS and detect(volume, parameters).
_DETECTORS: dict[str, ModuleType] = {"cellfinder": cellfinder, "dog": dog}


def list_detectors() -> list[str]:
    """The names of the detectors."""
    return sorted(_DETECTORS)


def detector_parameters(method: str) -> dict[str, str]:
    """The parameters of a detector: name to description, with units."""
    return {name: known.description for name, known in _detector(method).PARAMETERS.items()}


def detector_defaults(method: str) -> dict[str, float | int | bool | None]:
    """The parameters of a detector: name to default."""
    return {name: known.default for name, known in _detector(method).PARAMETERS.items()}


def check_parameters(method: str, **parameters) -> dict[str, float | int | bool | None]:
    """The parameters, completed with the detector's defaults.

    Raises InputError for an unknown detector, an unknown parameter or an unusable value.
    """
    return complete(method, _detector(method).PARAMETERS, parameters)


def detect(volume: Volume, method: str, **parameters) -> pd.DataFrame:
    """Candidates of a volume: columns z, y, x in voxels and contrast, sorted by z, y, x.

    The result is the same on every run, and on any number of cores. No candidate is an empty table.
    Raises InputError as check_parameters does, and for a volume the detector cannot work on.
    """
    table = _detector(method).detect(volume, check_parameters(method, **parameters))
    assert list(table.columns) == ["z", "y", "x", "contrast"]
    assert np.isfinite(table.to_numpy()).all()
    return table


def _detector(method: str) -> ModuleType:
    if method not in _DETECTORS:
        raise InputError(f"no detector {method!r}; there are {', '.join(list_detectors())}")
    return _DETECTORS[method]
