"""The voxel grid on which a made-up brain is drawn, and the fields of smooth noise on it."""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter

from cellsift.io.axes import per_axis

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

    def box(self, centre_um: np.ndarray, reach_um: float) -> Box | None:
        """The block of voxels within `reach_um` of a position; None when it lies outside."""
        centre, size = np.asarray(centre_um), np.array(self.voxel_size)
        low = np.maximum(np.floor((centre - reach_um) / size).astype(int), 0)
        high = np.minimum(np.ceil((centre + reach_um) / size).astype(int) + 1, self.shape)
        if (low >= high).any():
            return None
        return per_axis(slice(a, b) for a, b in zip(low, high, strict=True))

    def offsets(self, box: Box, centre_um: np.ndarray) -> tuple[np.ndarray, ...]:
        """Offsets in µm along z, y, x from a position, for several depths in each plane.

        float32; they broadcast to (depth in the plane, z, y, x).
        """
        z, y, x = (
            (np.arange(part.start, part.stop) * size - centre).astype(np.float32)
            for part, size, centre in zip(box, self.voxel_size, centre_um, strict=True)
        )
        depths = ((np.arange(DEPTHS_PER_PLANE) + 0.5) / DEPTHS_PER_PLANE - 0.5).astype(np.float32)
        z = z + depths[:, None] * np.float32(self.voxel_size[0])
        return z[:, :, None, None], y[None, None, :, None], x[None, None, None, :]


def smooth_noise(rng: np.random.Generator, grid: Grid, scale_um: float) -> np.ndarray:
    """A random field of mean 0 and standard deviation 1 that varies over about `scale_um`."""
    sigma_um = scale_um / 2
    # Drawn coarsely and enlarged: wide fields would otherwise take most of the drawing's time.
    step_um = np.maximum(sigma_um / 2, grid.voxel_size)
    enlargement = step_um / grid.voxel_size
    coarse_shape = np.ceil(np.array(grid.shape) / enlargement).astype(int) + 2
    coarse = rng.standard_normal(coarse_shape, dtype=np.float32)
    coarse = gaussian_filter(coarse, sigma_um / step_um, mode="wrap")
    field = _enlarge(coarse, enlargement, grid.shape)
    return (field - field.mean()) / max(float(field.std()), 1e-6)


def _enlarge(coarse: np.ndarray, enlargement: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Linear interpolation, one axis after the other (many times faster than ndimage's zoom)."""
    field = coarse
    for axis, (length, factor) in enumerate(zip(shape, enlargement, strict=True)):
        at = np.arange(length) / factor
        below = at.astype(int)
        share = np.expand_dims((at - below).astype(np.float32), [a for a in range(3) if a != axis])
        lower, upper = np.take(field, below, axis), np.take(field, below + 1, axis)
        field = lower + share * (upper - lower)
    return field
