"""Numbers of cuboids that a person would look at: how bright, sharp, large and round a spot is."""

import numpy as np
import pandas as pd

from cellsift.io.axes import Shape, Size

# Standard deviations of the Gaussians, and the radius of the central ball, as shares of half the
# shorter side in y and x.
NARROW, MEDIUM, WIDE, WIDEST = 1 / 12, 1 / 6, 1 / 3, 2 / 3
CENTRAL = 0.5
# Of the central ball, what is brighter than all but a hundredth.
PEAK = 0.99
TINY = 1e-6
# Cuboids that are held as numbers of four bytes.
AT_ONCE = 50

FEATURES = {
    "centre": "mean at the centre, weighted by a Gaussian of a sixth of the half side",
    "peak": "what the brightest hundredth of the central ball reaches",
    "surroundings": "mean outside the central ball",
    "deviation": "standard deviation",
    "grain": "what neighbours along x differ by",
    "contrast_narrow": "mean under a narrow Gaussian less that under one of twice its width",
    "contrast_medium": "the same of Gaussians twice as wide",
    "contrast_wide": "the same of Gaussians four times as wide",
    "size": "share of the central ball brighter than half way from the surroundings to the peak",
    "extent_z": "standard deviation in z, in µm, of what is brighter than that",
    "extent_plane": "the same in y and x, their root mean square",
    "edge": "mean change from voxel to voxel along y and x in the central ball",
}
OF_BACKGROUND = {
    "background_centre": "centre of the background",
    "background_deviation": "deviation of the background",
    "background_contrast": "contrast_medium of the background",
    "correlation": "correlation of the channels",
}


def measure_cuboids(cuboids: np.ndarray, voxel_size: Size) -> pd.DataFrame:
    """Return the features, a row for each of the cuboids (n, channel, z, y, x) of raw intensities.

    Intensities are taken as natural logarithms of ratios to the cuboid's own median, so that the
    brightness of a brain is no part of them. `FEATURES` says what they are of the signal,
    `OF_BACKGROUND` what is added where there are two channels.
    """
    names = [*FEATURES, *(OF_BACKGROUND if cuboids.shape[1] == 2 else [])]
    weights = _Weights(cuboids.shape[2:], voxel_size)
    parts = [
        _measure(cuboids[start : start + AT_ONCE], weights)
        for start in range(0, len(cuboids), AT_ONCE)
    ]
    return pd.concat(parts, ignore_index=True)[names] if parts else pd.DataFrame(columns=names)


class _Weights:
    """Gaussians (4, voxels), narrow to widest, and the central ball, of cuboids of one shape."""

    def __init__(self, shape: Shape, voxel_size: Size):
        lines = [
            (np.arange(n) - (n - 1) / 2) * step for n, step in zip(shape, voxel_size, strict=True)
        ]
        self.places = np.stack([p.ravel() for p in np.meshgrid(*lines, indexing="ij")])
        distance = np.sqrt(np.square(self.places).sum(axis=0))
        half = min(n * step for n, step in zip(shape[1:], voxel_size[1:], strict=True)) / 2
        gaussians = [
            np.exp(-np.square(distance / (r * half)) / 2) for r in (NARROW, MEDIUM, WIDE, WIDEST)
        ]
        self.gaussians = np.stack([g / g.sum() for g in gaussians]).astype(np.float32)
        # In a cuboid of few voxels the ball still has the innermost ones.
        self.central = distance <= max(CENTRAL * half, distance.min() * (1 + 1e-9))
        self.shape = shape


def _measure(cuboids: np.ndarray, weights: _Weights) -> pd.DataFrame:
    logs = np.log1p(cuboids.astype(np.float32)).reshape(*cuboids.shape[:2], -1)
    logs -= np.median(logs, axis=2, keepdims=True)
    signal = logs[:, 0]
    levels = signal @ weights.gaussians.T
    peak = np.quantile(signal[:, weights.central], PEAK, axis=1)
    outside = signal[:, ~weights.central]
    surroundings = outside.mean(axis=1) if outside.size else np.zeros(len(signal))
    planes = signal.reshape(-1, *weights.shape)
    found = {
        "centre": levels[:, 1],
        "peak": peak,
        "surroundings": surroundings,
        "deviation": signal.std(axis=1),
        "grain": np.diff(planes, axis=3).std(axis=(1, 2, 3)),
        "contrast_narrow": levels[:, 0] - levels[:, 1],
        "contrast_medium": levels[:, 1] - levels[:, 2],
        "contrast_wide": levels[:, 2] - levels[:, 3],
        "edge": _edge(planes)[:, weights.central].mean(axis=1),
    } | _extent(signal, (surroundings + peak) / 2, weights)
    if logs.shape[1] == 2:
        found |= _of_both(signal, logs[:, 1], weights)
    return pd.DataFrame(found).astype(float)


def _extent(signal: np.ndarray, half: np.ndarray, weights: _Weights) -> dict[str, np.ndarray]:
    """How large the spot is, by what in the central ball is brighter than `half`."""
    places = weights.places[:, weights.central]
    above = np.clip(signal[:, weights.central] - half[:, None], 0, None)
    share = above / (above.sum(axis=1, keepdims=True) + TINY)
    middle = share @ places.T
    variance = share @ np.square(places).T - np.square(middle)
    z, y, x = np.clip(variance, 0, None).T
    return {
        "size": (above > 0).mean(axis=1),
        "extent_z": np.sqrt(z),
        "extent_plane": np.sqrt((y + x) / 2),
    }


def _edge(planes: np.ndarray) -> np.ndarray:
    """The change from voxel to voxel within planes (n, z, y, x), as (n, voxels)."""
    down, right = (np.gradient(planes, axis=axis) for axis in (2, 3))
    return np.hypot(down, right).reshape(len(planes), -1)


def _of_both(
    signal: np.ndarray, background: np.ndarray, weights: _Weights
) -> dict[str, np.ndarray]:
    levels = background @ weights.gaussians.T
    centred = [channel - channel.mean(axis=1, keepdims=True) for channel in (signal, background)]
    spread = centred[0].std(axis=1) * centred[1].std(axis=1) + TINY
    return {
        "background_centre": levels[:, 1],
        "background_deviation": background.std(axis=1),
        "background_contrast": levels[:, 1] - levels[:, 2],
        "correlation": (centred[0] * centred[1]).mean(axis=1) / spread,
    }
