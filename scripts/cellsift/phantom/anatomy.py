"""The tissue itself: its edge, a ventricle, its texture and autofluorescence."""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import distance_transform_edt

from cellsift.phantom.grid import Grid, smooth_noise

# Regions of the tissue, by the depth in µm from which on each lies below the surface.
LAYERS = {"surface": 0.0, "outer layer": 60.0, "inner layer": 150.0, "depth": 260.0}


@dataclass(frozen=True)
class Anatomy:
    """Where tissue is and how it looks before anything is labelled.

    `depth_um`: distance of each voxel to the nearest surface (outer edge or ventricle), 0
    outside the tissue. `density`: relative density of cells. `signal` and `background`: the
    tissue's own light in counts, surfaces included. All of shape (z, y, x), float32.
    """

    depth_um: np.ndarray
    density: np.ndarray
    signal: np.ndarray
    background: np.ndarray

    @property
    def regions(self) -> np.ndarray:
        """The layer that each voxel lies in, uint8 (z, y, x): 1 for the first; 0 outside."""
        starts = list(LAYERS.values())
        # What lies at the very surface is outside, as depth is 0 there.
        return np.searchsorted(starts, self.depth_um, side="left").astype(np.uint8)


def make_anatomy(rng: np.random.Generator, grid: Grid, tissue: float) -> Anatomy:
    """Tissue of `tissue` counts on average, with an outer edge in a corner and a ventricle."""
    depth = _depth(rng, grid)
    cover = depth > 0
    # Cell bodies of unlabelled neurons are darker than the felt of fibres around them.
    texture = 1 + 0.16 * smooth_noise(rng, grid, 90) + 0.07 * smooth_noise(rng, grid, 14)
    signal = tissue * cover * np.clip(texture + 0.06 * smooth_noise(rng, grid, 9), 0.2, None)
    background = tissue * cover * np.clip(texture + 0.06 * smooth_noise(rng, grid, 9), 0.2, None)
    lining = tissue * _lining(rng, grid, depth)
    signal += lining
    background += 0.8 * lining * np.clip(1 + 0.3 * smooth_noise(rng, grid, 40), 0.2, 2)
    return Anatomy(depth, _density(rng, grid, depth), signal, background)


def _depth(rng: np.random.Generator, grid: Grid) -> np.ndarray:
    """Distance in µm to the nearest surface, 0 outside."""
    z, y, x = grid.axes()
    extent = grid.extent
    waviness = smooth_noise(rng, grid, 160)
    # The brain's outline: a wide arc around the last corner. The first corner of every plane is
    # outside, since cellfinder takes its brightness for that of no tissue.
    far_y, far_x = extent[1:]
    radius = np.hypot(*extent[1:]) * rng.uniform(0.82, 0.9)
    slope = rng.uniform(-0.15, 0.15) * (z - extent[0] / 2)
    outline = radius + slope - np.hypot(y - far_y, x - far_x) + 6 * waviness
    # A ventricle: a slit, open over part of the depth, at the side away from the edge.
    centre_y = far_y + (extent[1] / 2 - far_y) * rng.uniform(0.3, 0.5)
    centre_x = far_x + (extent[2] / 2 - far_x) * rng.uniform(0.3, 0.5)
    angle = rng.uniform(0, np.pi) + 0.002 * z
    along = np.cos(angle) * (y - centre_y) + np.sin(angle) * (x - centre_x)
    across = -np.sin(angle) * (y - centre_y) + np.cos(angle) * (x - centre_x)
    length, width = extent[1:].min() * rng.uniform(0.16, 0.22), extent[1:].min() * 0.03
    slit = np.hypot(along / length, across / width) - 1 + 0.35 * smooth_noise(rng, grid, 60)
    inside = (outline > 0) & (slit > 0)
    if inside.all():
        return np.full(grid.shape, grid.extent.max(), np.float32)
    return distance_transform_edt(inside, sampling=grid.voxel_size).astype(np.float32)


def _lining(rng: np.random.Generator, grid: Grid, depth: np.ndarray) -> np.ndarray:
    """Light of the membranes at the surfaces, patchy, as a multiple of the tissue's."""
    rim = np.exp(-(((depth - 3) / 3.5) ** 2)) * (depth > 0)
    patches = np.clip(smooth_noise(rng, grid, 22) - 0.6, 0, None)
    return rim * (0.35 + 1.6 * patches)


def _density(rng: np.random.Generator, grid: Grid, depth: np.ndarray) -> np.ndarray:
    """Relative density of labelled cells: layers below the surface, and clusters."""
    layers = 0.25 + np.exp(-(((depth - 90) / 35) ** 2)) + 0.8 * np.exp(-(((depth - 220) / 50) ** 2))
    clusters = np.exp(0.7 * smooth_noise(rng, grid, 70))
    return (layers * clusters * (depth > 10)).astype(np.float32)
