"""What the `dog` detector can be told; apart from it, as rules ask for it without scipy."""

from cellsift.settings.parameters import Parameter

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
    "most_candidates": Parameter(
        5_000_000,
        "of more candidates than this in a brain only those of the highest contrast stay: bounds "
        "the memory for brains whose texture is full of maxima",
        minimum=1,
        integer=True,
    ),
    "slab_planes": Parameter(
        None,
        "planes read at a time: changes memory, never the result; empty: by plane size",
        minimum=1,
        integer=True,
        optional=True,
    ),
}
