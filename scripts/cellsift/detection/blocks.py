"""A volume cut into blocks with a halo, which are worked on in threads and given back in order."""

import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import product
from typing import TypeVar

import numpy as np

from cellsift.detection.resources import UNLIMITED, Resources
from cellsift.errors import InputError
from cellsift.io.reading import most_planes_read, windows
from cellsift.io.volumes import Volume

# Voxels that are held at once unless told otherwise: of all planes, and of the tile of a thread.
SLAB_VOXELS = 2**28
TILE_VOXELS = 2**23
SMALLEST_TILE_SIDE = 64
# Of a voxel of a tile while it is filtered: three arrays of float32, and some of booleans.
TILE_BYTES = 16
# Planes are held so often while they are put together from what was read.
READ_COPIES = 3
GIGABYTE = 1e9

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
        inside = (positions >= self.start) & (positions < self.stop)
        return np.logical_and.reduce(inside, axis=1)


def over_blocks(
    volume: Volume,
    halo: tuple[int, int, int],
    function: Callable[[Block], Result],
    slab_planes: int | None = None,
    tile_side: int | None = None,
    planes: tuple[int, int] | None = None,
    resources: Resources = UNLIMITED,
) -> Iterator[Result]:
    """`function` of every block, in the order of the blocks; every voxel is in one block's core.

    Of the volume only the planes from `planes[0]` up to but without `planes[1]` are cut into
    blocks; the halo reaches beyond them. Slabs of `slab_planes` planes are worked on one after the
    other; each is cut into tiles of `tile_side` voxels that threads share. None: all planes, and
    by the size of planes and halo, within the memory of `resources`. Every plane is read once; one
    slab with its halo is in memory, and a block's voxels may be used only while `function` runs.
    """
    shape, around = np.array(volume.shape), np.array(halo)
    begin, end = planes or (0, volume.shape[0])
    if not slab_planes:
        slab_planes = planes_held(volume, halo[0], planes, resources) - 2 * halo[0]
    tile_side = tile_side or _tile_side(min(slab_planes + 2 * halo[0], volume.shape[0]), halo)
    size = np.array([slab_planes, tile_side, tile_side])
    corners = list(product(range(0, shape[1], tile_side), range(0, shape[2], tile_side)))
    slabs = windows(volume, begin, end, slab_planes, halo[0])
    with ThreadPoolExecutor(max_workers=resources.workers) as pool:
        for first, last, held in slabs:

            def of_tile(corner, first=first, last=last, held=held) -> Result:
                start = np.array([first, *corner])
                stop = np.minimum(start + size, [last, *shape[1:]])
                low, high = np.maximum(start - around, 0), np.minimum(stop + around, shape)
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


def planes_held(
    volume: Volume,
    halo: int,
    planes: tuple[int, int] | None = None,
    resources: Resources = UNLIMITED,
) -> int:
    """How many planes are in memory unless told otherwise: those of a slab and its halo.

    `halo` is in planes, to each side. `planes` are the first that is cut into slabs and the first
    that is not (None: all). Slabs become thinner where the memory of `resources` asks for it.
    Raises InputError where one as thick as its halo does not fit.
    """
    _, height, width = volume.shape
    # No thinner than its halo, or most of the work would be done more than twice.
    wished = max(SLAB_VOXELS // (height * width), 4 * halo, 2 * halo + 1)
    most = resources.memory_bytes

    def needed(held: int) -> int:
        return memory_for(volume, held, halo, planes, resources)

    if most is None or needed(wished) <= most:
        return wished
    least = max(3 * halo, 1)
    refuse_beyond_limit(volume, needed(least), least, most)
    fitting = range(min(wished, volume.shape[0]), least, -1)
    return next((held for held in fitting if needed(held) <= most), least)


def refuse_beyond_limit(volume: Volume, needed: int, planes: int, most: int | None) -> None:
    """Raise InputError if so many planes take more than `most` bytes (None: no bound)."""
    if most is not None and needed > most:
        raise InputError(
            f"{volume.source}: detection takes at least {needed / GIGABYTE:.3g} GB to hold and "
            f"filter {planes} planes of {volume.shape[1]} x {volume.shape[2]} voxels, but may take "
            f"{most / GIGABYTE:.3g} GB; give the job more memory (mem_mb)."
        )


def memory_for(
    volume: Volume,
    held: int,
    halo: int,
    planes: tuple[int, int] | None = None,
    resources: Resources = UNLIMITED,
) -> int:
    """Bytes that detection takes for `held` planes, for reading them and for filtering tiles.

    `planes` as in `planes_held`: no more are held than these and their halos. Each of the threads
    of `resources` reads a chunk and filters a tile.
    """
    depth, height, width = volume.shape
    first, last = planes or (0, depth)
    held = min(held, depth, last - first + 2 * halo)
    reading = READ_COPIES * min(most_planes_read(volume), held) * _plane_bytes(volume)
    chunk = int(math.prod(volume.data.chunksize)) * volume.dtype.itemsize
    # Tiles overlap by their halos, hence twice.
    in_tiles = min(resources.workers * TILE_VOXELS, 2 * held * height * width)
    in_planes = held * _plane_bytes(volume) + reading
    return in_planes + resources.workers * chunk + in_tiles * TILE_BYTES


def filtered_for_one(
    volume: Volume, halo: tuple[int, int, int], resources: Resources = UNLIMITED
) -> float:
    """How many voxels are filtered for each voxel of the volume: halos, for several blocks."""
    slab_planes = planes_held(volume, halo[0], resources=resources) - 2 * halo[0]
    tile_side = _tile_side(min(slab_planes + 2 * halo[0], volume.shape[0]), halo)
    return math.prod(
        sum(min(start + size + reach, n) - max(start - reach, 0) for start in range(0, n, size)) / n
        for n, reach, size in zip(
            volume.shape, halo, (slab_planes, tile_side, tile_side), strict=True
        )
    )


def _plane_bytes(volume: Volume) -> int:
    return volume.shape[1] * volume.shape[2] * volume.dtype.itemsize


def _tile_side(planes: int, halo: tuple[int, int, int]) -> int:
    return max(math.isqrt(TILE_VOXELS // planes) - 2 * max(halo[1:]), SMALLEST_TILE_SIDE)
