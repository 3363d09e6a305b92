"""The voxel grid on which a made-up brain is drawn, and the fields of smooth noise on it."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter, zoom

Box = tuple[slice, slice, slice]

# A plane is thick against small things: their brightness is averaged over this many depths in it.
DEPTHS_PER_PLANE = 3


@dataclass(frozen=True)
class Grid:
    """A grid of voxels: shape (z, y, x) and voxel size (z, y, x) in µm.

    A position in µm is the index of a voxel's centre times the voxel size.
    """

    shape: tuple[int, int, int]
    voxel_size: tuple[float, float, float]

    @property
    def extent(self) -> np.ndarray:
        """Position of the last voxel's centre, (z, y, x) in µm."""
        return (np.array(self.shape) - 1) * np.array(self.voxel_size)

    @property
    def volume_mm3(self) -> float:
        """Volume of all voxels in mm³."""
        return float(np.prod(self.shape) * np.prod(self.voxel_size)) * 1e-9

    def zeros(self) -> np.ndarray:
        """An empty float32 volume."""
        return np.zeros(self.shape, np.float32)

    def axes(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Positions in µm of all voxel centres along z, y and x, shaped to broadcast."""
        steps = (
            np.arange(n, dtype=np.float32) * size
            for n, size in zip(self.shape, self.voxel_size, strict=True)
        )
        z, y, x = steps
        return z[:, None, None], y[None, :, None], x[None, None, :]

    def index(self, position_um: np.ndarray) -> np.ndarray:
        """Nearest voxel of positions (n, 3) in µm, kept inside the grid."""
        nearest = np.rint(np.asarray(position_um) / self.voxel_size).astype(int)
        return np.clip(nearest, 0, np.array(self.shape) - 1)

    def box(self, centre_um: np.ndarray, reach_um: float) -> Box | None:
        """The block of voxels within `reach_um` of a position; None when it lies outside."""
        centre, size = np.asarray(centre_um), np.array(self.voxel_size)
        low = np.maximum(np.floor((centre - reach_um) / size).astype(int), 0)
        high = np.minimum(np.ceil((centre + reach_um) / size).astype(int) + 1, self.shape)
        if (low >= high).any():
            return None
        return tuple(slice(a, b) for a, b in zip(low, high, strict=True))

    def offsets(self, box: Box, centre_um: np.ndarray) -> Iterator[np.ndarray]:
        """Yield, for several depths within each plane, offsets (z, y, x, 3) in µm from a position."""
        depths = (np.arange(DEPTHS_PER_PLANE) + 0.5) / DEPTHS_PER_PLANE - 0.5
        for depth in depths:
            axes = [
                np.arange(part.start, part.stop) * size - centre
                for part, size, centre in zip(box, self.voxel_size, centre_um, strict=True)
            ]
            axes[0] = axes[0] + depth * self.voxel_size[0]
            yield np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)


def smooth_noise(rng: np.random.Generator, grid: Grid, scale_um: float) -> np.ndarray:
    """A random field of mean 0 and standard deviation 1 that varies over about `scale_um`."""
    sigma_um = scale_um / 2
    # Drawn coarsely and enlarged: wide fields would otherwise take most of the drawing's time.
    step_um = np.maximum(sigma_um / 2, grid.voxel_size)
    enlargement = step_um / grid.voxel_size
    coarse_shape = np.ceil(np.array(grid.shape) / enlargement).astype(int) + 2
    coarse = rng.standard_normal(coarse_shape, dtype=np.float32)
    coarse = gaussian_filter(coarse, sigma_um / step_um, mode="wrap")
    field = zoom(coarse, enlargement, order=1)[tuple(slice(n) for n in grid.shape)]
    return (field - field.mean()) / max(float(field.std()), 1e-6)
