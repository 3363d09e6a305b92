"""Detectors: where in a volume a cell may be. A detector is one module here, as `contract` says.

Detection can be scattered over slabs of planes, in any number of processes. Its steps, of which
`detect` is the sequence with one slab:
1. `detect_slab` for each slab;
2. for a detector that `measures_contrast_apart`: `find_centres` in the parts of all slabs, then
   `contrast_slab` for each slab;
3. `gather` of the parts of the last scattered step.
The candidates never depend on the number of slabs, nor on the `Resources` of those who work.
Importing this package, and asking for parameters, loads neither numpy nor what a detector is made
of: rules ask for them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cellsift.detection.registry import (
    check_parameters,
    create_detector,
    detector_defaults,
    detector_module,
    detector_parameters,
    list_detectors,
    measures_contrast_apart,
)
from cellsift.detection.resources import UNLIMITED, Resources
from cellsift.io.axes import AXES

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from cellsift.detection.parts import Part, Parts
    from cellsift.io.volumes import Volume

__all__ = [
    "Resources",
    "check_parameters",
    "contrast_slab",
    "create_detector",
    "detect",
    "detect_slab",
    "detector_defaults",
    "detector_module",
    "detector_parameters",
    "find_centres",
    "gather",
    "list_detectors",
    "measures_contrast_apart",
]


def detect(
    volume: Volume, method: str, resources: Resources = UNLIMITED, **parameters: Any
) -> pd.DataFrame:
    """Candidates of a volume: columns z, y, x in voxels and contrast, sorted by z, y, x.

    The result is the same on every run, and with any resources. No candidate is an empty table.
    Raises InputError as check_parameters does, for a volume the detector cannot work on, and where
    the memory does not do.
    """
    parts = detect_slab(volume, method, resources=resources, **parameters)
    if measures_contrast_apart(method):
        centres = find_centres(volume, method, parts, **parameters)
        parts = contrast_slab(volume, method, centres, resources=resources, **parameters)
    return gather(list(parts), method, **parameters)


def detect_slab(
    volume: Volume,
    method: str,
    slab: int = 0,
    slabs: int = 1,
    resources: Resources = UNLIMITED,
    **parameters: Any,
) -> Iterator[Part]:
    """The parts that slab number `slab` of `slabs` contributes, in the order of z.

    A slab with a halo is read; one without a plane, where there are more slabs than planes, gives
    no part. Raises InputError as `detect` does.
    """
    from cellsift.detection.blocks import planes_of_slab

    detector = create_detector(method, **parameters)
    first, last = planes_of_slab(volume.shape[0], slab, slabs, detector.slab_grid)
    return detector.detect_slab(volume, first, last, resources)


def find_centres(volume: Volume, method: str, parts: Parts, **parameters: Any) -> pd.DataFrame:
    """Centres z, y, x in voxels, sorted, in the parts of all slabs in their order.

    Voxels of the volume are not read. Only for detectors that `measures_contrast_apart`.
    """
    import pandas as pd

    centres = create_detector(method, **parameters).find_centres(volume, parts)
    return pd.DataFrame(centres, columns=AXES)


def contrast_slab(
    volume: Volume,
    method: str,
    centres: pd.DataFrame,
    slab: int = 0,
    slabs: int = 1,
    resources: Resources = UNLIMITED,
    **parameters: Any,
) -> Iterator[Part]:
    """The parts of one slab for the contrast of those centres that lie in it.

    `centres` are all of the brain, columns z, y, x in voxels; a slab with a halo is read.
    """
    from cellsift.detection.blocks import planes_of_slab

    detector = create_detector(method, **parameters)
    first, last = planes_of_slab(volume.shape[0], slab, slabs)
    positions = centres[AXES].to_numpy(dtype=float)
    return detector.contrast_slab(volume, positions, first, last, resources)


def gather(parts: Parts, method: str, **parameters: Any) -> pd.DataFrame:
    """The table of candidates that `detect` gives, of the parts of all slabs in any order.

    `parts` are gone through twice.
    """
    import numpy as np

    table = create_detector(method, **parameters).gather(parts)
    assert list(table.columns) == [*AXES, "contrast"]
    assert np.isfinite(table.to_numpy()).all()
    return table
