"""A volume cut into blocks with a halo, which are worked on in threads and given back in order."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import product
from typing import TypeVar

import numpy as np

from cellsift.io.volumes import Volume

# Voxels of the planes that are held at once unless told otherwise.
SLAB_VOXELS = 2**27
# Side of the tiles of a slab, in voxels: what a thread filters at once.
TILE_SIDE = 512

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
    tile_side: int = TILE_SIDE,
) -> Iterator[Result]:
    """`function` of every block, in the order of the blocks; every voxel is in one block's core.

    Slabs of `slab_planes` planes are read one after the other, `None` as many as hold a fixed
    number of voxels; each is cut into tiles of `tile_side` voxels, and threads share the tiles.
    """
    shape, halo = np.array(volume.shape), np.array(halo)
    slab_planes = int(slab_planes or max(1, SLAB_VOXELS // (shape[1] * shape[2]) - 2 * halo[0]))
    size = np.array([slab_planes, tile_side, tile_side])
    corners = list(product(range(0, shape[1], tile_side), range(0, shape[2], tile_side)))
    with ThreadPoolExecutor(max_workers=available_cores()) as pool:
        for z in range(0, shape[0], slab_planes):
            first, last = max(z - halo[0], 0), min(z + slab_planes + halo[0], shape[0])
            planes = volume.planes(first, last)

            def of_tile(corner: tuple[int, int], z: int = z, first=first, planes=planes) -> Result:
                start = np.array([z, *corner])
                stop = np.minimum(start + size, shape)
                low, high = np.maximum(start - halo, 0), np.minimum(stop + halo, shape)
                tile = planes[:, low[1] : high[1], low[2] : high[2]]
                return function(Block(tile, low, start, stop))

            yield from pool.map(of_tile, corners)


def available_cores() -> int:
    """How many CPU cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
