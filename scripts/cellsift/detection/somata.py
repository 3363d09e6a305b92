"""How large somata are: what detectors are set by, and what a search for their settings begins at.

Lengths in µm, positions (n, 3) in voxels, axes z, y, x.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter

# The half width of a Gaussian at half its height, in sigmas.
HALF_WIDTH = math.sqrt(2 * math.log(2))
# Somata are drawn longer along z, never that much flatter: then the voxels' sizes are wrong, or
# they are none.
FLATTEST = 0.6
# Profiles are measured so far to each side, voxels: beyond it there are other somata.
FARTHEST = 48
# Where a profile falls by less than this share of its steepest fall, the soma has ended.
LEAST_FALL = 0.1
# Widths of spots that are looked for at annotated cells, sigmas in voxels of the plane.
WIDTHS = (1.0, 2.0, 4.0)
# Random places of each array.
PLACES = 2000
# More somata than this make a mean profile no better.
ENOUGH = 2000


@dataclass(frozen=True)
class Somata:
    """What a typical soma looks like in a volume, µm.

    - diameter: in the plane, between the places where it is half as bright as in its middle, on a
      logarithmic scale and above its surroundings;
    - depth: the same along z.
    """

    diameter: float
    depth: float

    @property
    def axial_blur(self) -> float:
        """How much wider it is drawn along z than in the plane, as the sigma of a Gaussian."""
        wider = max(self.depth**2 - self.diameter**2, 0.0)
        return math.sqrt(wider) / (2 * HALF_WIDTH)

    @property
    def too_flat(self) -> bool:
        """Whether they are flatter along z than any microscope draws a cell."""
        return self.depth < FLATTEST * self.diameter

    @classmethod
    def blurred(cls, diameter: float, axial_blur: float) -> Somata:
        """Somata of a diameter that are drawn wider along z by a blur of this sigma."""
        return cls(diameter, math.hypot(diameter, 2 * HALF_WIDTH * axial_blur))


def measure_somata(
    intensity: Iterable[tuple[np.ndarray, np.ndarray]], voxel_size: tuple[float, float, float]
) -> Somata | None:
    """The typical soma at these positions, by its mean profiles; None where there is no bright one.

    `intensity` are arrays (z, y, x), each with the positions (n, 3) of somata in it. The mean over
    somata makes up for neighbours and noise; a logarithmic scale lets none outshine the others.

    Example:
        >>> rng = np.random.default_rng(1)
        >>> z, y, x = np.indices((21, 41, 41)) - np.array([10, 20, 20])[:, None, None, None]
        >>> spot = 1000 * np.exp(0.5 * np.exp(-(z**2 + y**2 + x**2) / (2 * 3**2)))
        >>> somata = measure_somata([(spot, np.array([[10, 20, 20]]))], (1, 1, 1))
        >>> round(somata.diameter), round(somata.axial_blur)
        (7, 0)
    """
    arrays = list(intensity)
    profiles = [_mean_profiles(array, positions) for array, positions in arrays]
    sums, counts = (np.array([p[k] for p in profiles]).sum(axis=0) for k in (0, 1))
    means = np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0)
    # Of a single plane nobody knows how deep a soma is: as deep as it is wide.
    flat = all(array.shape[0] == 1 for array, _ in arrays)
    found = [_width_at_half_height(_within(profile)) for profile in means[1 if flat else 0 :]]
    widths = [width for width in found if width is not None]
    if len(widths) < len(found):
        return None
    y, x = (2 * width * size for width, size in zip(widths[-2:], voxel_size[1:], strict=True))
    diameter = float(math.sqrt(y * x))
    return Somata(diameter, diameter if flat else float(2 * widths[0] * voxel_size[0]))


def standing_out(
    intensity: Iterable[tuple[np.ndarray, np.ndarray]], voxel_size: tuple[float, float, float]
) -> float:
    """How often a position is brighter than a random place, 0 to 1; 0.5 says nothing is there.

    Brighter than what is around it, by the difference of two Gaussians on a logarithmic scale, of
    the width of `WIDTHS` at which that is the most often so. Arguments as of `measure_somata`; 0.5
    without a position.
    """
    arrays = [(np.log1p(array.astype(np.float32)), at) for array, at in intensity if len(at)]
    if not arrays:
        return 0.5
    return max(_share_brighter(arrays, width, voxel_size) for width in WIDTHS)


def _share_brighter(
    arrays: list[tuple[np.ndarray, np.ndarray]],
    width: float,
    voxel_size: tuple[float, float, float],
) -> float:
    """The area under the ROC curve of positions against random places."""
    random = np.random.default_rng(0)
    seen, elsewhere = [], []
    for array, positions in arrays:
        sigma = [max(width * voxel_size[1] / step, 0.3) for step in voxel_size]
        spots = gaussian_filter(array, sigma) - gaussian_filter(array, [2 * s for s in sigma])
        nearest = np.clip(np.rint(positions).astype(int), 0, np.array(array.shape) - 1)
        seen.append(spots[tuple(nearest.T)])
        elsewhere.append(spots[tuple(random.integers(0, array.shape, (PLACES, 3)).T)])
    ranked = np.sort(np.concatenate(elsewhere))
    found = np.concatenate(seen)
    sides = (np.searchsorted(ranked, found, side) for side in ("left", "right"))
    return float(np.mean([side.mean() for side in sides]) / len(ranked))


def _mean_profiles(array: np.ndarray, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sums and counts (3, FARTHEST + 1) of log intensities by distance along each axis."""
    sums, counts = np.zeros((3, FARTHEST + 1)), np.zeros((3, FARTHEST + 1))
    nearest = np.clip(np.rint(positions).astype(int), 0, np.array(array.shape) - 1)
    some = np.random.default_rng(0).permutation(nearest)[:ENOUGH]
    for axis, step in _steps():
        at = some + step * np.eye(3, dtype=int)[axis]
        at = at[((at >= 0) & (at < array.shape)).all(axis=1)]
        sums[axis, abs(step)] += np.log1p(array[tuple(at.T)].astype(float)).sum()
        counts[axis, abs(step)] += len(at)
    return sums, counts


def _steps() -> Iterator[tuple[int, int]]:
    for axis in range(3):
        for step in range(-FARTHEST, FARTHEST + 1):
            yield axis, step


def _within(profile: np.ndarray) -> np.ndarray:
    """The profile as far as it falls: farther out there are other somata, or larger structures."""
    known = profile[: np.argmax(np.isnan(profile))] if np.isnan(profile).any() else profile
    if len(known) < 2:
        return known
    falls = known[:-1] - known[1:]
    steepest = int(np.argmax(falls))
    flat = np.flatnonzero(falls[steepest:] < LEAST_FALL * falls[steepest])
    return known[: steepest + flat[0] + 1] if len(flat) else known


def _width_at_half_height(profile: np.ndarray) -> float | None:
    """How many voxels from its middle a falling profile reaches half its height; None if flat."""
    if len(profile) < 2 or profile[0] <= profile[-1]:
        return None
    half = (profile[0] + profile[-1]) / 2
    beyond = int(np.argmax(profile <= half))
    above, below = profile[beyond - 1], profile[beyond]
    return beyond - 1 + float((above - half) / (above - below))
