"""Crops of annotated brains that detectors are tried on: few enough voxels to do it often.

Axes are z, y, x; positions in voxels.
"""

import math
from dataclasses import dataclass

import dask.array as da
import numpy as np

from cellsift.io.volumes import Volume, naming_bad_planes

# Crops of a brain that is larger than what may be searched on: a few, which are large against their
# margins, or where these hold too few annotated cells, more and smaller ones.
CROPS = (4, 16, 64, 256)
ENOUGH_CELLS = 50
# More cells tell no more of recall, and take as long as a whole detection where they are dense.
MOST_CELLS = 800


@dataclass(frozen=True, eq=False)
class Crop:
    """A part of a brain: `volume`, whose first voxel is voxel `origin` of the brain.

    `annotated` (n, 3) are the cells in it, in voxels of the crop. What lies within `margin` voxels
    of its border does not count, as beyond it nothing was looked at; the first of `margin` (2, 3)
    is that before the first voxels along z, y, x, the other that after the last.
    """

    volume: Volume
    origin: np.ndarray
    annotated: np.ndarray
    margin: np.ndarray

    def counts(self, positions: np.ndarray) -> np.ndarray:
        """Which of these positions (n, 3) in the crop count, (n,) booleans."""
        first, last = self.margin[0] - 0.5, np.array(self.volume.shape) - self.margin[1] - 0.5
        return ((positions >= first) & (positions < last)).all(axis=1)

    def holds(self, positions: np.ndarray) -> np.ndarray:
        """Which positions (n, 3), in voxels of the brain, lie in the crop, (n,) booleans."""
        local = positions - self.origin
        return ((local >= -0.5) & (local < np.array(self.volume.shape) - 0.5)).all(axis=1)


def cut_crops(
    volume: Volume, annotated: np.ndarray, voxels: float, margin_um: float, seed: int
) -> list[Crop]:
    """Crops of a brain of at most so many `voxels` together, in memory.

    A brain with no more voxels is one crop without margin. Of a larger one some are drawn out of
    windows that share no voxel, each by the number of its annotated cells (n, 3), so that they show
    the surroundings of a typical cell: four of them, or more and smaller ones where four hold fewer
    than 50 cells, or smaller ones where they hold more than 800. Raises InputError for a damaged
    volume.
    """
    whole = np.array(volume.shape)
    if math.prod(volume.shape) <= voxels:
        return [_read(volume, np.zeros(3, int), whole, annotated, np.zeros(3, int))]
    wanted = min(ENOUGH_CELLS, len(annotated) / 2)
    best = _draw(volume, annotated, voxels / CROPS[0], CROPS[0], margin_um, seed)
    for count in CROPS[1:]:
        if best.cells >= wanted:
            break
        smaller = _draw(volume, annotated, voxels / count, count, margin_um, seed)
        best = max(best, smaller, key=lambda windows: windows.cells)
    if best.cells > MOST_CELLS:
        fewer = voxels / CROPS[0] * MOST_CELLS / best.cells
        best = _draw(volume, annotated, fewer, CROPS[0], margin_um, seed)
    return [_read(volume, start, best.size, annotated, best.margin) for start in best.starts]


@dataclass(frozen=True, eq=False)
class _Windows:
    """Windows of a size, by their first voxels (n, 3), and how many cells count in them."""

    starts: np.ndarray
    size: np.ndarray
    margin: np.ndarray
    cells: int


def _draw(
    volume: Volume, annotated: np.ndarray, voxels: float, count: int, margin_um: float, seed: int
) -> _Windows:
    whole, size = np.array(volume.shape), window_size(volume, voxels)
    margin = np.minimum(np.ceil(margin_um / np.array(volume.voxel_size)), size // 4).astype(int)
    grid = whole // size
    first = (whole - grid * size) // 2
    windows, cells = _counted(annotated, whole, size, margin)
    rng = np.random.default_rng(seed)
    if len(windows):
        drawn = min(count, len(windows))
        rows = np.sort(rng.choice(len(windows), drawn, replace=False, p=cells / cells.sum()))
        windows, cells = windows[rows], cells[rows]
    else:
        windows = np.unique(rng.integers(grid.prod(), size=count))
    starts = first + np.column_stack(np.unravel_index(windows, tuple(grid))) * size
    return _Windows(starts, size, margin, int(cells.sum()))


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


def _counted(
    positions: np.ndarray, whole: np.ndarray, size: np.ndarray, margin: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The windows in which positions (n, 3) count, and how many in each, both (windows,).

    Windows lie side by side in the middle of the volume; they are numbered, x the fastest. Of a
    large brain there are millions, nearly all without cells: these are not listed.
    """
    grid = whole // size
    first = (whole - grid * size) // 2
    index = np.floor((positions - first + 0.5) / size).astype(int)
    start = first + index * size
    low, high = margins_of(start, size, margin, whole)
    local = positions - start
    counted = ((index >= 0) & (index < grid)).all(axis=1)
    counted &= ((local >= low - 0.5) & (local < size - high - 0.5)).all(axis=1)
    rows = np.ravel_multi_index(tuple(index[counted].T), tuple(grid))
    return np.unique(rows, return_counts=True)


def margins_of(
    start: np.ndarray, size: np.ndarray, margin: np.ndarray, whole: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The margins before and after windows: none at the volume's own border."""
    return np.where(start <= 0, 0, margin), np.where(start + size >= whole, 0, margin)


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
    around = np.array(margins_of(start, size, margin, np.array(volume.shape)))
    crop = Crop(held, start, np.empty((0, 3)), around)
    return Crop(held, start, annotated[crop.holds(annotated)] - start, around)
