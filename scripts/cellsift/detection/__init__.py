"""Detectors: where in a volume a cell may be. One module per detector, listed here.

Detection can be scattered over slabs of planes, in any number of processes. Its steps, of which
`detect` is the sequence with one slab:
1. `detect_slab` for each slab;
2. for a detector that `measures_contrast_apart`: `find_centres` in the parts of all slabs, then
   `contrast_slab` for each slab;
3. `gather` of the parts of the last scattered step.
The candidates never depend on the number of slabs.
Importing this package, and asking for the parameters, imports no detector: rules ask for them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

import numpy as np

from cellsift.detection import cellfinder_parameters, dog_parameters
from cellsift.errors import InputError
from cellsift.settings.parameters import Parameter, complete

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    import pandas as pd

    from cellsift.detection.parts import Part, Parts
    from cellsift.io.volumes import Volume

# A detector is a module of its name here with slab_grid, detect_slab and gather, and, if it is
# among _CONTRAST_APART, with find_centres and contrast_slab.
_PARAMETERS = {
    "cellfinder": cellfinder_parameters.PARAMETERS,
    "dog": dog_parameters.PARAMETERS,
}
_CONTRAST_APART = {"cellfinder"}


def list_detectors() -> list[str]:
    """The names of the detectors."""
    return sorted(_PARAMETERS)


def detector_module(method: str) -> str:
    """The name of the module in which a detector is written; InputError for an unknown detector."""
    _parameters(method)
    return f"{__name__}.{method}"


def detector_parameters(method: str) -> dict[str, str]:
    """The parameters of a detector: name to description, with units."""
    return {name: known.description for name, known in _parameters(method).items()}


def detector_defaults(method: str) -> dict[str, float | int | bool | None]:
    """The parameters of a detector: name to default."""
    return {name: known.default for name, known in _parameters(method).items()}


def check_parameters(method: str, **parameters) -> dict[str, float | int | bool | None]:
    """The parameters, completed with the detector's defaults.

    Raises InputError for an unknown detector, an unknown parameter or an unusable value.
    """
    return complete(method, _parameters(method), parameters)


def detect(volume: Volume, method: str, **parameters) -> pd.DataFrame:
    """Candidates of a volume: columns z, y, x in voxels and contrast, sorted by z, y, x.

    The result is the same on every run, and on any number of cores. No candidate is an empty table.
    Raises InputError as check_parameters does, and for a volume the detector cannot work on.
    """
    parts = detect_slab(volume, method, **parameters)
    if measures_contrast_apart(method):
        centres = find_centres(volume, method, parts, **parameters)
        parts = contrast_slab(volume, method, centres, **parameters)
    return gather(list(parts), method, **parameters)


def measures_contrast_apart(method: str) -> bool:
    """Whether the detector first finds centres, and measures their contrast in a step of its own.

    Raises InputError for an unknown detector.
    """
    _parameters(method)
    return method in _CONTRAST_APART


def detect_slab(
    volume: Volume, method: str, slab: int = 0, slabs: int = 1, **parameters
) -> Iterator[Part]:
    """The parts that slab number `slab` of `slabs` contributes, in the order of z.

    A slab with a halo is read; one without a plane, where there are more slabs than planes, gives
    no part. Raises InputError as `detect` does.
    """
    from cellsift.detection.blocks import planes_of_slab

    detector, parameters = _detector(method), check_parameters(method, **parameters)
    grid = detector.slab_grid(parameters)
    first, last = planes_of_slab(volume.shape[0], slab, slabs, grid)
    return detector.detect_slab(volume, parameters, first, last)


def find_centres(volume: Volume, method: str, parts: Parts, **parameters) -> pd.DataFrame:
    """Centres z, y, x in voxels, sorted, in the parts of all slabs in their order.

    Voxels of the volume are not read. Only for detectors that `measures_contrast_apart`.
    """
    import pandas as pd

    parameters = check_parameters(method, **parameters)
    centres = _detector(method).find_centres(volume, parameters, parts)
    return pd.DataFrame(centres, columns=["z", "y", "x"])


def contrast_slab(
    volume: Volume,
    method: str,
    centres: pd.DataFrame,
    slab: int = 0,
    slabs: int = 1,
    **parameters,
) -> Iterator[Part]:
    """The parts of one slab for the contrast of those centres that lie in it.

    `centres` are all of the brain, columns z, y, x in voxels; a slab with a halo is read.
    """
    from cellsift.detection.blocks import planes_of_slab

    parameters = check_parameters(method, **parameters)
    first, last = planes_of_slab(volume.shape[0], slab, slabs)
    positions = centres[["z", "y", "x"]].to_numpy(dtype=float)
    return _detector(method).contrast_slab(volume, parameters, positions, first, last)


def gather(parts: Parts, method: str, **parameters) -> pd.DataFrame:
    """The table of candidates that `detect` gives, of the parts of all slabs in any order.

    `parts` are gone through twice.
    """
    table = _detector(method).gather(parts, check_parameters(method, **parameters))
    assert list(table.columns) == ["z", "y", "x", "contrast"]
    assert np.isfinite(table.to_numpy()).all()
    return table


def _parameters(method: str) -> dict[str, Parameter]:
    if method not in _PARAMETERS:
        raise InputError(f"no detector {method!r}; there are {', '.join(list_detectors())}")
    return _PARAMETERS[method]


def _detector(method: str) -> ModuleType:
    return import_module(detector_module(method))
