"""Contrast of a soma against its surroundings: a difference of Gaussians on log intensities.

Every function of a block sees the halo it needs and nothing beyond, so a volume may be cut into
blocks in any way along any axis and the result is the same, bit for bit.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter, maximum_filter
from scipy.spatial import cKDTree

from cellsift.detection.blocks import TILE_SIDE, Block, over_blocks
from cellsift.io.volumes import Volume

# Gaussians are cut off here, in multiples of sigma.
TRUNCATE = 4.0


@dataclass(frozen=True)
class Scale:
    """The Gaussians and the window of local maxima, in voxels (z, y, x)."""

    sigma_small: tuple[float, float, float]
    sigma_large: tuple[float, float, float]
    reach: tuple[int, int, int]

    @classmethod
    def from_micrometres(
        cls,
        voxel_size: tuple[float, float, float],
        sigma_small: float,
        sigma_large: float,
        minimum_distance: float,
    ) -> "Scale":
        """The scale for a voxel size, all in µm; the window reaches at least one voxel."""
        return cls(
            sigma_small=tuple(sigma_small / size for size in voxel_size),
            sigma_large=tuple(sigma_large / size for size in voxel_size),
            reach=tuple(max(1, round(minimum_distance / size)) for size in voxel_size),
        )

    @property
    def radius(self) -> tuple[int, int, int]:
        """How many voxels away a voxel still changes the contrast, per axis."""
        return _radius(self.sigma_large)

    @property
    def halo(self) -> tuple[int, int, int]:
        """How many voxels around a block decide about the maxima in it, per axis.

        Twice the window: whether a maximum gives way to an equal one depends on the other's window.
        """
        return tuple(
            radius + 2 * reach for radius, reach in zip(self.radius, self.reach, strict=True)
        )


def contrast(intensity: np.ndarray, scale: Scale) -> np.ndarray:
    """The contrast of each voxel, float32: log1p intensity, small Gaussian minus large Gaussian."""
    log = _log(intensity)
    small = _gaussian(log, scale.sigma_small)
    small -= _gaussian(log, scale.sigma_large)
    return small


def maxima(contrasts: np.ndarray, reach: tuple[int, int, int]) -> np.ndarray:
    """Positions (n, 3) of the positive local maxima, sorted by z, y, x.

    A maximum is the largest within the window of `reach` voxels to each side; where equal maxima
    lie within each other's windows, the first by z, y, x stays.
    """
    size = tuple(2 * voxels + 1 for voxels in reach)
    highest = maximum_filter(contrasts, size=size, mode="nearest")
    positions = np.argwhere((contrasts == highest) & (contrasts > 0))
    ties = cKDTree(positions / np.array(reach)).query_pairs(
        1.0 + 1e-9, p=math.inf, output_type="ndarray"
    )
    return np.delete(positions, np.unique(ties.max(axis=1)), axis=0)


def find_maxima(
    volume: Volume, scale: Scale, slab_planes: int | None = None, tile_side: int = TILE_SIDE
) -> tuple[np.ndarray, np.ndarray]:
    """Positions (n, 3) int32, sorted by z, y, x, and contrasts (n,) float32 of all maxima.

    `slab_planes` planes are read at a time (None: as many as fit a fixed number of voxels), and
    filtered in tiles of `tile_side` voxels; neither changes the result.
    """

    def of_block(block: Block) -> tuple[np.ndarray, np.ndarray]:
        values = contrast(block.intensity, scale)
        positions = maxima(values, scale.reach)
        positions = positions[block.in_core(positions + block.origin)]
        found = values[tuple(positions.T)]
        return (positions + block.origin).astype(np.int32), found

    blocks = list(over_blocks(volume, scale.halo, of_block, slab_planes, tile_side))
    positions = np.concatenate([np.empty((0, 3), np.int32), *(block[0] for block in blocks)])
    contrasts = np.concatenate([np.empty(0, np.float32), *(block[1] for block in blocks)])
    order = np.lexsort(positions.T[::-1])
    return positions[order], contrasts[order]


def contrast_at(
    volume: Volume,
    positions: np.ndarray,
    scale: Scale,
    slab_planes: int | None = None,
    tile_side: int = TILE_SIDE,
) -> np.ndarray:
    """The contrast (n,) float32 at the voxels nearest to positions (n, 3) within the volume."""
    last = np.array(volume.shape) - 1
    nearest = np.clip(np.rint(np.asarray(positions, float).reshape(-1, 3)), 0, last).astype(int)
    result = np.zeros(len(nearest), np.float32)

    def of_block(block: Block) -> None:
        inside = block.in_core(nearest)
        if inside.any():
            local = nearest[inside] - block.origin
            result[inside] = contrast(block.intensity, scale)[tuple(local.T)]

    for _ in over_blocks(volume, scale.radius, of_block, slab_planes, tile_side):
        pass
    return result


def _log(intensity: np.ndarray) -> np.ndarray:
    # A table, not log1p of the array: exact and faster for the few values an integer takes.
    table = np.log1p(np.arange(np.iinfo(intensity.dtype).max + 1, dtype=np.float32))
    return table[intensity]


def _gaussian(values: np.ndarray, sigma: tuple[float, float, float]) -> np.ndarray:
    return gaussian_filter(values, sigma, mode="nearest", radius=_radius(sigma))


def _radius(sigma: tuple[float, float, float]) -> tuple[int, int, int]:
    return tuple(int(TRUNCATE * size + 0.5) for size in sigma)
