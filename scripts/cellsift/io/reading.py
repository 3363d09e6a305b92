"""Going through the planes of a volume so that each is read, and each chunk decoded, once."""

from collections.abc import Iterator
from itertools import islice

import numpy as np

from cellsift.io.volumes import Volume

FEWEST_PLANES = 8
# Chunks that hold more than this are read in parts, at the price of decoding them several times.
LARGEST_READ = 2**29


def reads(volume: Volume, first: int, last: int) -> Iterator[tuple[int, int]]:
    """Ranges that cover planes `first` to `last` - 1, each ending where a chunk of the store ends.

    A range is its first plane and the first one after it; it has some planes at least.
    """
    most = _planes_that_fit(volume)
    ends = np.cumsum(volume.data.chunks[0])
    while first < last:
        chunk_end = int(ends[np.searchsorted(ends, min(first + FEWEST_PLANES, last))])
        stop = min(chunk_end, first + most, last)
        yield first, stop
        first = stop


def most_planes_read(volume: Volume) -> int:
    """How many planes the largest of `reads` may have."""
    return min(_planes_that_fit(volume), FEWEST_PLANES + max(volume.data.chunks[0]))


def _planes_that_fit(volume: Volume) -> int:
    plane_bytes = volume.shape[1] * volume.shape[2] * volume.dtype.itemsize
    return max(1, LARGEST_READ // plane_bytes)


def batches(volume: Volume, first: int, last: int, size: int) -> Iterator[tuple[int, np.ndarray]]:
    """Planes `first` to `last` - 1 in batches of `size`, the last one maybe smaller.

    Of each batch the number of its first plane, and its planes (z, y, x).
    """
    held = np.empty((0, *volume.shape[1:]), volume.dtype)
    for start, stop in reads(volume, first, last):
        read = volume.planes(start, stop)
        held = np.concatenate([held, read]) if len(held) else read
        while len(held) >= size or (stop == last and len(held)):
            yield first, held[:size]
            held = held[size:]
            first += size


def windows(
    volume: Volume, first: int, last: int, thickness: int, halo: int
) -> Iterator[tuple[int, int, np.ndarray]]:
    """Slabs of `thickness` planes with `halo` planes to each side, as far as the volume goes.

    Of each slab its first plane, the first plane after it, and the planes (z, y, x) of slab and
    halo, which are overwritten by the next: one window is in memory.
    """
    depth = volume.shape[0]
    size = min(thickness, last - first) + 2 * halo
    held = np.empty((min(size, depth), *volume.shape[1:]), volume.dtype)
    held_from = held_to = max(first - halo, 0)
    ahead = batches(volume, held_from, min(last + halo, depth), 1)
    for start in range(first, last, thickness):
        stop = min(start + thickness, last)
        low, high = max(start - halo, 0), min(stop + halo, depth)
        for plane in range(low, held_to):
            held[plane - low] = held[plane - held_from]
        for plane, read in islice(ahead, high - held_to):
            held[plane - low] = read[0]
        held_from, held_to = low, high
        yield start, stop, held[: high - low]
