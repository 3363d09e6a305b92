"""The `dog` detector: local maxima of a difference of Gaussians on log intensities.

Made for small somata, where a missed candidate can never be classified: it proposes every bright
spot of about a soma's size, ranked by contrast, and a threshold on the contrast says how many stay.
"""

import numpy as np
import pandas as pd

from cellsift.detection.contrast import Scale, measure, typical_root
from cellsift.detection.parameters import Parameter
from cellsift.errors import InputError
from cellsift.io.volumes import Volume

# As multiples of the soma's diameter.
SIGMA_SMALL, SIGMA_LARGE, MINIMUM_DISTANCE = 0.35, 0.9, 0.4

PARAMETERS = {
    "soma_diameter": Parameter(
        8.0, "diameter of a typical soma, µm; the empty lengths follow it", exclusive=True
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
    "axial_blur": Parameter(
        3.0, "how much wider than in the plane the microscope draws a spot along z: sigma, µm"
    ),
    "minimum_distance": Parameter(
        None,
        "a candidate is the maximum within this distance along each axis, µm, and at least one "
        f"voxel; empty: {MINIMUM_DISTANCE} soma diameters",
        exclusive=True,
        optional=True,
    ),
    "minimum_contrast": Parameter(
        0.02,
        "candidates of less contrast are dropped; the contrast is a difference of log intensities, "
        "0.1 being 10 % brighter than the surroundings, weighted by the brightness there",
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


def detect(volume: Volume, parameters: dict) -> pd.DataFrame:
    """Candidates z, y, x (voxels) and contrast, sorted by z, y, x, for complete parameters."""
    found, _ = measure(volume, scale_of(volume, parameters), slab_planes=parameters["slab_planes"])
    table = pd.DataFrame(found.positions.astype(float), columns=["z", "y", "x"])
    table["contrast"] = found.weighted / typical_root(found)
    return table[table["contrast"] >= parameters["minimum_contrast"]].reset_index(drop=True)


def contrast_at(volume: Volume, positions: np.ndarray, soma_diameter: float) -> np.ndarray:
    """The contrast (n,) that detect gives, at the voxels nearest to positions (n, 3)."""
    defaults = {name: parameter.default for name, parameter in PARAMETERS.items()}
    scale = scale_of(volume, defaults | {"soma_diameter": soma_diameter})
    found, asked = measure(volume, scale, positions)
    return asked.weighted / typical_root(found)
