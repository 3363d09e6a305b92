"""Crops of annotated brains that detectors are tried on: few enough voxels to do it often.

Axes are z, y, x; positions in voxels.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import dask.array as da
import numpy as np

from cellsift.io.volumes import Volume, naming_bad_planes

# So many crops of a brain that is larger than what may be searched on: several places, and each
# still large against its margin.
CROPS = 4


@dataclass(frozen=True, eq=False)
class Crop:
    """A part of a brain: `volume`, whose first voxel is voxel `origin` of the brain.

    `annotated` (n, 3) are the cells in it, in voxels of the crop. What lies within `margin` voxels
    of its border does not count, as beyond it nothing was looked at.
    """

    volume: Volume
    origin: np.ndarray
    annotated: np.ndarray
    margin: np.ndarray

    def counts(self, positions: np.ndarray) -> np.ndarray:
        """Which of these positions (n, 3) in the crop count, (n,) booleans."""
        last = np.array(self.volume.shape) - self.margin
        return ((positions >= self.margin) & (positions < last)).all(axis=1)

    def holds(self, positions: np.ndarray) -> np.ndarray:
        """Which positions (n, 3), in voxels of the brain, lie in the crop, (n,) booleans."""
        local = positions - self.origin
        return ((local >= -0.5) & (local < np.array(self.volume.shape) - 0.5)).all(axis=1)


def cut_crops(
    volume: Volume, annotated: np.ndarray, voxels: float, margin_um: float, seed: int
) -> list[Crop]:
    """Crops of a brain of at most so many `voxels` together, in memory.

    A brain with no more voxels is one crop without margin. Of a larger one up to four are drawn
    out of windows that share no voxel, each by the number of its annotated cells (n, 3), so that
    they show the surroundings of a typical cell. Raises InputError for a damaged volume.
    """
    whole = np.array(volume.shape)
    if math.prod(volume.shape) <= voxels:
        return [_read(volume, np.zeros(3, int), whole, annotated, np.zeros(3, int))]
    size = window_size(volume, voxels / CROPS)
    margin = np.minimum(np.ceil(margin_um / np.array(volume.voxel_size)), size // 4).astype(int)
    starts = np.array(list(_windows(whole, size)))
    cells = np.array([_count(annotated, start + margin, start + size - margin) for start in starts])
    if not cells.any():
        cells = np.ones(len(starts))
    drawn = np.random.default_rng(seed).choice(
        len(starts), min(CROPS, int(np.count_nonzero(cells))), replace=False, p=cells / cells.sum()
    )
    return [_read(volume, starts[row], size, annotated, margin) for row in sorted(drawn)]


def window_size(volume: Volume, voxels: float) -> np.ndarray:
    """Voxels (z, y, x) of a window that is about as long in µm along each axis."""
    size = np.array(volume.shape, float)
    free = np.ones(3, bool)
    # An axis that is shorter than the window is taken whole, and the others are longer for it.
    for _ in range(3):
        left = voxels / size[~free].prod() * np.prod(np.array(volume.voxel_size)[free])
        side = left ** (1 / max(free.sum(), 1)) / np.array(volume.voxel_size)
        short = free & (side >= np.array(volume.shape))
        size[free] = np.minimum(side, volume.shape)[free]
        free &= ~short
        if not short.any():
            break
    return np.maximum(size.astype(int), 1)


def _windows(whole: np.ndarray, size: np.ndarray) -> Iterator[tuple[int, ...]]:
    """The first voxels of windows side by side, in the middle of the volume."""
    counts = whole // size
    first = (whole - counts * size) // 2
    for index in product(*map(range, counts)):
        yield tuple(first + np.array(index) * size)


def _count(positions: np.ndarray, start: np.ndarray, stop: np.ndarray) -> int:
    return int(((positions >= start) & (positions < stop)).all(axis=1).sum())


def _read(
    volume: Volume,
    start: np.ndarray,
    size: np.ndarray,
    annotated: np.ndarray,
    margin: np.ndarray,
) -> Crop:
    stop = start + size
    window = tuple(map(slice, start, stop))
    with naming_bad_planes(volume.data, volume.source, int(start[0]), int(stop[0])):
        voxels = np.ascontiguousarray(volume.data[window].compute())
    held = Volume(da.from_array(voxels, chunks=voxels.shape), volume.voxel_size, volume.source)
    crop = Crop(held, start, np.empty((0, 3)), margin)
    return Crop(held, start, annotated[crop.holds(annotated)] - start, margin)
