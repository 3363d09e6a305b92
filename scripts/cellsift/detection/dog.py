"""The `dog` detector: local maxima of a difference of Gaussians on log intensities.

Made for small somata, where a missed candidate can never be classified: it proposes every bright
spot of about a soma's size, ranked by contrast, and a threshold on the contrast says how many stay.

A slab's maxima are measured where they lie; only the brain's typical brightness, by which contrasts
are scaled, needs all slabs.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from cellsift.detection.contrast import Scale, brightness, measure, measured_blocks, typical_root
from cellsift.detection.dog_parameters import (
    MINIMUM_DISTANCE,
    PARAMETERS,
    SIGMA_LARGE,
    SIGMA_SMALL,
)
from cellsift.detection.parts import Part, Parts
from cellsift.errors import InputError
from cellsift.io.volumes import Volume


def scale_of(volume: Volume, parameters: dict) -> Scale:
    """The filter's scale in voxels for complete parameters in µm.

    Raises InputError if the Gaussian of the surroundings is no wider than that of the soma.
    """
    soma = parameters["soma_diameter"]
    sigma_small = parameters["sigma_small"] or SIGMA_SMALL * soma
    sigma_large = parameters["sigma_large"] or SIGMA_LARGE * soma
    if sigma_large <= sigma_small:
        raise InputError(
            f"detector 'dog': sigma_large is {sigma_large:g} µm and sigma_small {sigma_small:g} "
            "µm; sigma_large must be larger"
        )
    return Scale.from_micrometres(
        volume.voxel_size,
        sigma_small,
        sigma_large,
        parameters["axial_blur"],
        parameters["minimum_distance"] or MINIMUM_DISTANCE * soma,
    )


def slab_grid(parameters: dict) -> int:
    """Slabs may begin at any plane."""
    return 1


def detect_slab(volume: Volume, parameters: dict, first: int, last: int) -> Iterator[Part]:
    """The local maxima of planes `first` up to but without `last`, block by block.

    Parts for `gather`; exact however the volume is cut.
    """
    scale, thickness = scale_of(volume, parameters), parameters["slab_planes"]
    for found, _, _ in measured_blocks(volume, scale, None, (first, last), thickness):
        yield {
            "positions": found.positions,
            "weighted": found.weighted,
            "brightness": brightness(found),
        }


def contrast_parts(
    volume: Volume, soma_diameter: float, positions: np.ndarray, first: int, last: int
) -> Iterator[Part]:
    """What `gather` needs for the contrast of `positions` (n, 3) in planes `first` to `last` - 1.

    `positions` are all of the brain, in voxels z, y, x; every one is in one slab's parts. Exact
    however the volume is cut.
    """
    scale = _scale_of_contrast(volume, soma_diameter)
    for found, rows, asked in measured_blocks(volume, scale, positions, (first, last)):
        yield {
            "positions": positions[rows],
            "weighted": asked.weighted,
            "brightness": brightness(found),
        }


def gather(parts: Parts, parameters: dict) -> pd.DataFrame:
    """Candidates z, y, x (voxels) and contrast, sorted by z, y, x, of the parts of all slabs.

    Those that reach `minimum_contrast`; of more than `most_candidates` the ones of the highest
    contrast, among which equal ones stay or go together.
    The parts are gone through twice, and one of them is held at a time.
    Memory: twice `most_candidates`, and a part. Time: linear.
    """
    return contrasts(parts, parameters["minimum_contrast"], parameters["most_candidates"])


def contrasts(parts: Parts, minimum: float = -np.inf, most: int | None = None) -> pd.DataFrame:
    """The table z, y, x, contrast of measured parts; see `gather`. `most` None: all of them."""
    counts = sum((part["brightness"] for part in parts), start=np.zeros(1, np.int64))
    root = typical_root(counts)
    kept, held = [np.empty((0, 4))], 0
    for part in parts:
        contrast = part["weighted"] / root
        rows = np.column_stack([part["positions"], contrast])[contrast >= minimum]
        kept.append(rows)
        held += len(rows)
        if most is not None and held > 2 * most:
            kept = [_highest(np.concatenate(kept), most, ties=True)]
            held = len(kept[0])
    table = np.concatenate(kept)
    if most is not None:
        table = _highest(table, most, ties=False)
    table = table[np.lexsort(table.T[2::-1])]
    return pd.DataFrame(table, columns=["z", "y", "x", "contrast"])


def _highest(table: np.ndarray, most: int, ties: bool) -> np.ndarray:
    """The `most` rows of highest contrast; with or without all that equal the first one left out.

    To leave them out is right for the whole brain only: of a part nobody knows how many there are.
    """
    if len(table) <= most:
        return table
    contrast = table[:, 3]
    left_out = np.partition(contrast, -most - 1)[-most - 1]
    return table[contrast >= left_out if ties else contrast > left_out]


def contrast_at(volume: Volume, positions: np.ndarray, soma_diameter: float) -> np.ndarray:
    """The contrast (n,) that detect gives, at the voxels nearest to positions (n, 3)."""
    found, asked = measure(volume, _scale_of_contrast(volume, soma_diameter), positions)
    return asked.weighted / typical_root(brightness(found))


def _scale_of_contrast(volume: Volume, soma_diameter: float) -> Scale:
    defaults = {name: parameter.default for name, parameter in PARAMETERS.items()}
    return scale_of(volume, defaults | {"soma_diameter": soma_diameter})
