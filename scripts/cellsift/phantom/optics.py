"""From light in the tissue to counts on the camera: blur, uneven illumination, stripes, noise."""

import numpy as np
from scipy.ndimage import gaussian_filter

from cellsift.phantom.grid import Grid
from cellsift.phantom.settings import BrainSettings

# Standard deviation of the point spread function (z, y, x) in µm.
BLUR_UM = (3.5, 1.1, 1.1)
READ_NOISE = 15.0
OFFSET = 40.0


def take_picture(
    rng: np.random.Generator, grid: Grid, light: np.ndarray, settings: BrainSettings
) -> np.ndarray:
    """The uint16 counts (z, y, x) that a microscope records of `light` (z, y, x)."""
    blurred = gaussian_filter(light, np.array(BLUR_UM) / grid.voxel_size, mode="nearest")
    seen = np.clip(blurred, 0, None) * _illumination(rng, grid, settings)
    # Shot noise: photons come one by one, each worth `noise` counts.
    counts = rng.poisson(seen / settings.noise) * settings.noise
    counts = counts + rng.normal(OFFSET, READ_NOISE, grid.shape)
    return np.clip(np.rint(counts), 0, np.iinfo(np.uint16).max).astype(np.uint16)


def _illumination(rng: np.random.Generator, grid: Grid, settings: BrainSettings) -> np.ndarray:
    """Share of light that arrives: shading across the field, stripes, steps between planes."""
    z, y, x = grid.axes()
    extent = np.maximum(grid.extent, 1)
    slope = rng.uniform(-1, 1, 2)
    shading = 1 + settings.shading * (
        slope[0] * (y / extent[1] - 0.5) + slope[1] * (x / extent[2] - 0.5) - 0.5 * z / extent[0]
    )
    # Stripes: a line of the scan is a little brighter or darker over several planes.
    lines = gaussian_filter(rng.standard_normal((grid.shape[0], grid.shape[2])), (2, 1))
    lines = lines / max(lines.std(), 1e-6)
    planes = 1 + 0.03 * rng.standard_normal(grid.shape[0])
    return (shading * (1 + settings.stripes * lines[:, None, :]) * planes[:, None, None]).astype(
        np.float32
    )
