"""A volume cut into blocks with a halo, which are worked on in threads and given back in order."""

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import product
from typing import TypeVar

import numpy as np

from cellsift.io.cores import available_cores
from cellsift.io.reading import windows
from cellsift.io.volumes import Volume

# Voxels that are held at once unless told otherwise: of all planes, and of the tile of a thread.
SLAB_VOXELS = 2**28
TILE_VOXELS = 2**23
SMALLEST_TILE_SIDE = 64

Result = TypeVar("Result")


@dataclass(frozen=True)
class Block:
    """A piece of a volume with its halo.

    `intensity` (z, y, x) begins at voxel `origin` of the volume; the block itself, its halo left
    out, goes from voxel `start` up to but not including `stop`.
    """

    intensity: np.ndarray
    origin: np.ndarray
    start: np.ndarray
    stop: np.ndarray

    def in_core(self, positions: np.ndarray) -> np.ndarray:
        """Which positions (n, 3) of the volume lie in the block itself, as booleans (n,)."""
        return ((positions >= self.start) & (positions < self.stop)).all(axis=1)


def over_blocks(
    volume: Volume,
    halo: tuple[int, int, int],
    function: Callable[[Block], Result],
    slab_planes: int | None = None,
    tile_side: int | None = None,
    planes: tuple[int, int] | None = None,
) -> Iterator[Result]:
    """`function` of every block, in the order of the blocks; every voxel is in one block's core.

    Of the volume only the planes from `planes[0]` up to but without `planes[1]` are cut into
    blocks; the halo reaches beyond them. Slabs of `slab_planes` planes are worked on one after the
    other; each is cut into tiles of `tile_side` voxels that threads share. None: all planes, and
    by the size of planes and halo. Every plane is read once; one slab with its halo is in memory,
    and a block's voxels may be used only while `function` runs.
    """
    shape, halo = np.array(volume.shape), np.array(halo)
    begin, end = planes or (0, volume.shape[0])
    slab_planes = int(slab_planes or planes_held(shape, halo[0]) - 2 * halo[0])
    tile_side = int(tile_side or _tile_side(min(slab_planes + 2 * halo[0], shape[0]), halo))
    size = np.array([slab_planes, tile_side, tile_side])
    corners = list(product(range(0, shape[1], tile_side), range(0, shape[2], tile_side)))
    slabs = windows(volume, begin, end, slab_planes, int(halo[0]))
    with ThreadPoolExecutor(max_workers=available_cores()) as pool:
        for first, last, held in slabs:

            def of_tile(corner, first=first, last=last, held=held) -> Result:
                start = np.array([first, *corner])
                stop = np.minimum(start + size, [last, *shape[1:]])
                low, high = np.maximum(start - halo, 0), np.minimum(stop + halo, shape)
                tile = held[:, low[1] : high[1], low[2] : high[2]]
                return function(Block(tile, low, start, stop))

            yield from pool.map(of_tile, corners)


def planes_of_slab(depth: int, slab: int, slabs: int, grid: int = 1) -> tuple[int, int]:
    """The first plane of slab number `slab` of `slabs`, and the first plane after it.

    Slabs begin at multiples of `grid` planes, are about equally thick, and cover all `depth`
    planes once; if there are more slabs than the planes allow, some have no plane. Raises
    ValueError for a number that no slab has.
    """
    if not 0 <= slab < slabs:
        raise ValueError(f"there is no slab {slab} of {slabs}; they are counted from 0")
    cells = math.ceil(depth / grid)
    first, last = (min(cells * number // slabs * grid, depth) for number in (slab, slab + 1))
    return first, last


def planes_held(shape: Sequence[int], halo_planes: int) -> int:
    """How many planes are in memory unless told otherwise: those of a slab and its halo.

    `shape` is the volume's (z, y, x).
    """
    # No thinner than its halo, or most of the work would be done more than twice.
    slab = max(SLAB_VOXELS // (shape[1] * shape[2]) - 2 * halo_planes, 2 * halo_planes, 1)
    return int(slab + 2 * halo_planes)


def _tile_side(planes: int, halo: np.ndarray) -> int:
    return max(math.isqrt(TILE_VOXELS // int(planes)) - 2 * int(halo[1:].max()), SMALLEST_TILE_SIDE)
