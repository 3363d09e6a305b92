"""Contrast of a soma against its surroundings: a difference of Gaussians on log intensities.

Every voxel's value depends on its halo and on nothing beyond, so a volume may be cut into blocks in
any way along any axis, and what is found is the same, bit for bit.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from cellsift.detection.blocks import Block, over_blocks
from cellsift.detection.filters import gaussian, highest
from cellsift.io.volumes import Volume

# Gaussians are cut off here, in multiples of sigma.
TRUNCATE = 4.0
# The brightness of tissue is counted in steps of 0.1 %.
STEPS_PER_LOG = 1024
BRIGHTNESS_STEPS = round(math.log1p(65535) * STEPS_PER_LOG) + 1


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
        axial_blur: float,
        minimum_distance: float,
    ) -> "Scale":
        """The scale for a voxel size, all in µm.

        Along z the Gaussians are as wide as those in the plane after the microscope's axial blur,
        a Gaussian of width `axial_blur`. The window reaches at least one voxel to each side.
        """

        def in_voxels(sigma: float) -> tuple[float, float, float]:
            z, y, x = voxel_size
            return math.hypot(sigma, axial_blur) / z, sigma / y, sigma / x

        return cls(
            sigma_small=in_voxels(sigma_small),
            sigma_large=in_voxels(sigma_large),
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


@dataclass(frozen=True)
class Measured:
    """What was measured at voxels `positions` (n, 3), int32, of a volume.

    `difference` (n,) is the small Gaussian of the log1p intensities minus the large one, which is
    `surroundings` (n,); both float32.
    """

    positions: np.ndarray
    difference: np.ndarray
    surroundings: np.ndarray

    @property
    def weighted(self) -> np.ndarray:
        """The difference (n,), float64, times the square root of the surroundings' intensity.

        The share that shot noise has in a log intensity falls with that root, so the same
        difference says more where the tissue is brighter.
        """
        return self.difference.astype(float) * np.exp(self.surroundings.astype(float) / 2)


def measure(
    volume: Volume,
    scale: Scale,
    positions: np.ndarray | None = None,
    slab_planes: int | None = None,
    tile_side: int | None = None,
) -> tuple[Measured, Measured]:
    """The volume's local maxima, sorted by z, y, x, and the voxels nearest to `positions` (n, 3).

    The volume is read once. `slab_planes` planes are read at a time and filtered in tiles of
    `tile_side` voxels (None: by the size of the planes); neither changes the result.
    """
    blocks = list(measured_blocks(volume, scale, positions, None, slab_planes, tile_side))
    found = _joined([block[0] for block in blocks])
    at_asked = _joined([block[2] for block in blocks])
    rows = np.concatenate([block[1] for block in blocks])
    return _taken(found, np.lexsort(found.positions.T[::-1])), _taken(at_asked, np.argsort(rows))


def measured_blocks(
    volume: Volume,
    scale: Scale,
    positions: np.ndarray | None = None,
    planes: tuple[int, int] | None = None,
    slab_planes: int | None = None,
    tile_side: int | None = None,
) -> Iterator[tuple[Measured, np.ndarray, Measured]]:
    """For block after block: its local maxima; which of `positions` (n, 3) it owns; these measured.

    A block owns the positions, in voxels z, y, x, whose nearest voxel lies in it, and tells their
    rows (m,). Only `planes`, first and last but one, are cut into blocks (None: all); the planes
    around them are read as far as they count. In memory are a few blocks at a time.
    """
    last = np.array(volume.shape) - 1
    asked = np.empty((0, 3)) if positions is None else np.asarray(positions, dtype=float)
    asked = np.clip(np.rint(asked), 0, last).astype(np.int32)
    # By plane, so that a block looks at the positions in its own planes, not at all of the brain.
    by_plane = np.argsort(asked[:, 0], kind="stable")
    planes_asked = asked[by_plane, 0]

    def of_block(block: Block) -> tuple[Measured, np.ndarray, Measured]:
        difference, surroundings = filtered(block.intensity, scale)
        found = maxima(difference, scale.reach) + block.origin
        found = found[block.in_core(found)].astype(np.int32)
        near = by_plane[slice(*np.searchsorted(planes_asked, [block.start[0], block.stop[0]]))]
        rows = near[block.in_core(asked[near])]

        def at(voxels: np.ndarray) -> Measured:
            local = tuple((voxels - block.origin).T)
            return Measured(voxels, difference[local], surroundings[local])

        return at(found), rows, at(asked[rows])

    return over_blocks(volume, scale.halo, of_block, slab_planes, tile_side, planes)


def brightness(found: Measured) -> np.ndarray:
    """How many of the maxima lie in tissue of each brightness, as counts (steps,), int64.

    The step is the logarithm of the intensity of the surroundings times STEPS_PER_LOG. Counts of
    the parts of a brain can be summed, and are then those of the brain, however it was cut.
    """
    steps = np.rint(found.surroundings * STEPS_PER_LOG).astype(np.int64)
    return np.bincount(np.clip(steps, 0, BRIGHTNESS_STEPS - 1), minlength=BRIGHTNESS_STEPS)


def typical_root(counts: np.ndarray) -> float:
    """The square root of a brain's typical intensity, by the `brightness` counts of its maxima.

    Divided by it, weighted differences of brains can be compared. The median of the surroundings
    of its maxima, each counted by its intensity: a dark margin without tissue hardly counts,
    however wide it is. 1 without maxima.
    """
    if not counts.any():
        return 1.0
    intensity = np.exp(np.arange(len(counts)) / STEPS_PER_LOG)
    total = np.cumsum(counts * intensity)
    return math.sqrt(intensity[np.searchsorted(total, total[-1] / 2)])


def filtered(intensity: np.ndarray, scale: Scale) -> tuple[np.ndarray, np.ndarray]:
    """The difference of Gaussians of the log1p intensities (z, y, x) and its large Gaussian."""
    log = _log(intensity)
    surroundings = gaussian(log, scale.sigma_large, _radius(scale.sigma_large))
    difference = gaussian(log, scale.sigma_small, _radius(scale.sigma_small))
    difference -= surroundings
    return difference, surroundings


def maxima(values: np.ndarray, reach: tuple[int, int, int]) -> np.ndarray:
    """Positions (n, 3) of the positive local maxima, sorted by z, y, x.

    A maximum is the largest within the window of `reach` voxels to each side; where equal maxima
    lie within each other's windows, only the first by z, y, x is one.
    """
    size = tuple(2 * voxels + 1 for voxels in reach)
    positions = np.argwhere((values == highest(values, size)) & (values > 0))
    ties = cKDTree(positions / np.array(reach)).query_pairs(
        1.0 + 1e-9, p=math.inf, output_type="ndarray"
    )
    return np.delete(positions, np.unique(ties.max(axis=1)), axis=0) if len(ties) else positions


def _log(intensity: np.ndarray) -> np.ndarray:
    # A table, not log1p of the array: faster, for an integer takes few values.
    table = np.log1p(np.arange(np.iinfo(intensity.dtype).max + 1, dtype=np.float32))
    return table[intensity]


def _radius(sigma: tuple[float, float, float]) -> tuple[int, int, int]:
    return tuple(int(TRUNCATE * size + 0.5) for size in sigma)


def _joined(parts: list[Measured]) -> Measured:
    return Measured(
        np.concatenate([part.positions for part in parts]),
        np.concatenate([part.difference for part in parts]),
        np.concatenate([part.surroundings for part in parts]),
    )


def _taken(measured: Measured, order: np.ndarray) -> Measured:
    return Measured(
        measured.positions[order], measured.difference[order], measured.surroundings[order]
    )
