"""The `dog` detector: local maxima of a difference of Gaussians on log intensities.

Made for small somata, where a missed candidate can never be classified: it proposes every bright
spot of about a soma's size, ranked by contrast, and a threshold on the contrast says how many stay.
"""

import numpy as np
import pandas as pd

from cellsift.detection.contrast import Scale, find_maxima
from cellsift.detection.parameters import Parameter
from cellsift.io.volumes import Volume

# As multiples of the soma's diameter.
SIGMA_SMALL, SIGMA_LARGE, MINIMUM_DISTANCE = 0.375, 0.75, 0.4

PARAMETERS = {
    "soma_diameter": Parameter(
        8.0, "diameter of a typical soma, µm; the three lengths below follow it", exclusive=True
    ),
    "sigma_small": Parameter(
        None,
        f"width of the Gaussian that covers the soma, µm; empty: {SIGMA_SMALL} soma diameters",
        exclusive=True,
        optional=True,
    ),
    "sigma_large": Parameter(
        None,
        f"width of the Gaussian that covers its surroundings, µm; empty: {SIGMA_LARGE} soma "
        "diameters",
        exclusive=True,
        optional=True,
    ),
    "minimum_distance": Parameter(
        None,
        "a candidate is the maximum within this distance along each axis, µm, and at least one "
        f"voxel; empty: {MINIMUM_DISTANCE} soma diameters",
        exclusive=True,
        optional=True,
    ),
    "minimum_contrast": Parameter(
        0.0, "candidates of less contrast are dropped, in medians of the brain's contrasts"
    ),
    "slab_planes": Parameter(
        None,
        "planes read at a time: changes memory, never the result; empty: by plane size",
        minimum=1,
        integer=True,
        optional=True,
    ),
}


def scale_of(volume: Volume, parameters: dict) -> Scale:
    """The filter's scale in voxels for complete parameters in µm."""
    soma = parameters["soma_diameter"]
    return Scale.from_micrometres(
        volume.voxel_size,
        parameters["sigma_small"] or SIGMA_SMALL * soma,
        parameters["sigma_large"] or SIGMA_LARGE * soma,
        parameters["minimum_distance"] or MINIMUM_DISTANCE * soma,
    )


def detect(volume: Volume, parameters: dict) -> pd.DataFrame:
    """Candidates z, y, x (voxels) and contrast, sorted by z, y, x, for complete parameters."""
    scale = scale_of(volume, parameters)
    positions, contrasts = find_maxima(volume, scale, parameters["slab_planes"])
    contrasts = contrasts / np.median(contrasts) if len(contrasts) else contrasts
    table = pd.DataFrame(positions.astype(float), columns=["z", "y", "x"])
    table["contrast"] = contrasts.astype(float)
    return table[table["contrast"] >= parameters["minimum_contrast"]].reset_index(drop=True)
