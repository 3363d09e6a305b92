"""How bright, how saturated and how striped planes of a volume are."""

import numpy as np
from scipy.ndimage import uniform_filter1d

# Voxels of a plane that its brightness is measured on.
SAMPLED = 250_000
# Rows that a row is compared with: brightness that changes over more of them is no stripe.
NEIGHBOURS = 15


def quality_of(planes: np.ndarray) -> np.ndarray:
    """Return (z, 6), the `QUALITIES` of `slabs` of each of the planes (z, y, x).

    Example:
        >>> plane = np.full((1, 40, 40), 100.0)
        >>> plane[:, ::2] += 20
        >>> quality_of(plane).round(2).tolist()
        [[110.0, 120.0, 120.0, 0.5, 0.09, 0.0]]
    """
    step = max(1, int(np.ceil(np.sqrt(planes[0].size / SAMPLED))))
    return np.array([_of_plane(plane, plane[::step, ::step]) for plane in planes])


def _of_plane(plane: np.ndarray, sample: np.ndarray) -> tuple[float, ...]:
    median, bright = np.percentile(sample, [50, 99])
    brightest = sample.max()
    stripes = (_stripes(plane.mean(axis=axis), median) for axis in (1, 0))
    return (median, bright, brightest, float((sample == brightest).mean()), *stripes)


def _stripes(means: np.ndarray, median: float) -> float:
    """How much the means of rows differ from those around them, as a share of the median."""
    if len(means) < NEIGHBOURS or median <= 0:
        return 0.0
    apart = means - uniform_filter1d(means.astype(float), NEIGHBOURS, mode="nearest")
    # The middle of what rows differ by: a row through a bright cell is no stripe.
    return float(1.4826 * np.median(np.abs(apart - np.median(apart))) / median)
