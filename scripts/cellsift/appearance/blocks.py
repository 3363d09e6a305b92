"""A small random sample of blocks of a volume, the same whenever it is drawn."""

from collections.abc import Iterator

import numpy as np

from cellsift.io.axes import Shape
from cellsift.io.volumes import Volume

# Layers of blocks that are looked at, and blocks in each: so few planes are read of any volume.
LAYERS, BLOCKS_OF_LAYER = 6, 12
# A block has this many planes at most, and this many rows and columns at least.
MOST_PLANES, FEWEST_ROWS, MOST_ROWS = 20, 32, 512

# Of planes that are read whole, so many bytes are held at once, or one plane.
READ_BYTES = 2**26


def sample_blocks(volume: Volume, side_um: float) -> Iterator[np.ndarray]:
    """Yield blocks (z, y, x) of the volume that do not overlap, in the order of z.

    A block is a cube of `side_um`, within limits of voxels that bound what is read and held: of a
    volume of any size there are at most 72 blocks, in 6 layers. Where they lie depends on the
    volume's shape alone.
    """
    size = _block_shape(volume, side_um)
    layers, rows, columns = (n // s for n, s in zip(volume.shape, size, strict=True))
    random = np.random.default_rng(0)
    for layer in _some(random, layers, LAYERS):
        start = int(layer) * size[0]
        corners = [
            (int(place) // columns * size[1], int(place) % columns * size[2])
            for place in _some(random, rows * columns, BLOCKS_OF_LAYER)
        ]
        yield from _read(volume, start, start + size[0], corners, size)


def _block_shape(volume: Volume, side_um: float) -> Shape:
    least, most = (1, FEWEST_ROWS, FEWEST_ROWS), (MOST_PLANES, MOST_ROWS, MOST_ROWS)
    z, y, x = (
        min(max(round(side_um / step), few), many, n)
        for step, few, many, n in zip(volume.voxel_size, least, most, volume.shape, strict=True)
    )
    return z, y, x


def _some(random: np.random.Generator, count: int, most: int) -> np.ndarray:
    """At most `most` of the numbers below `count`, ascending."""
    return np.sort(random.choice(count, min(count, most), replace=False))


def _read(
    volume: Volume, start: int, stop: int, corners: list[tuple[int, int]], size: Shape
) -> list[np.ndarray]:
    """The blocks of a layer: each plane of a volume of whole planes is read once, and let go."""
    blocks = np.empty((len(corners), *size), volume.dtype)
    if len(volume.data.chunks[1]) == len(volume.data.chunks[2]) == 1:
        plane = volume.shape[1] * volume.shape[2] * volume.dtype.itemsize
        depth = max(READ_BYTES // plane, 1)
        for first in range(start, stop, depth):
            last = min(first + depth, stop)
            planes = volume.planes(first, last)
            for block, (y, x) in zip(blocks, corners, strict=True):
                block[first - start : last - start] = planes[:, y : y + size[1], x : x + size[2]]
    else:
        for block, (y, x) in zip(blocks, corners, strict=True):
            part = Volume(
                volume.data[:, y : y + size[1], x : x + size[2]], volume.voxel_size, volume.source
            )
            block[...] = part.planes(start, stop)
    return list(blocks)
