"""A made-up brain of any size that is never on disk: a tile, repeated by mirrors as it is read."""

import math
from pathlib import Path

import dask.array as da
import numpy as np

from cellsift.errors import InputError
from cellsift.io.tables import write_array
from cellsift.io.volumes import Volume
from cellsift.phantom import BrainSettings, make_brain

# A mouse's brain, z, y, x.
EXTENT_UM = (8000.0, 13000.0, 11000.0)
# As many labelled somata for a voxel as a brain of 10^11.5 voxels with 10^6 of them has.
TILE = BrainSettings(shape=(60, 288, 400), cells=22)
SMALLEST, LARGEST = 1e6, 1e14
PLANES_PER_CHUNK = 4
CHANNELS = ("signal", "background")


def brain_shape(voxels: float) -> tuple[int, int, int]:
    """Shape (z, y, x) of about so many voxels, in a mouse brain's proportions at the tile's grid.

    Raises InputError for fewer or more voxels than a brain can have.
    """
    if not SMALLEST <= voxels <= LARGEST:
        raise InputError(f"no brain has {voxels:g} voxels; give {SMALLEST:g} to {LARGEST:g}")
    grid = np.array(EXTENT_UM) / TILE.voxel_size
    z, y, x = (int(n) for n in np.rint(grid * (voxels / grid.prod()) ** (1 / 3)))
    return z, y, x


def voxel_size_of(voxels: float) -> tuple[float, float, float]:
    """Voxel size (z, y, x) in µm at which a mouse's brain has so many voxels, shaped as TILE's."""
    at_tile = math.prod(EXTENT_UM) / math.prod(TILE.voxel_size)
    z, y, x = (size * (at_tile / voxels) ** (1 / 3) for size in TILE.voxel_size)
    return z, y, x


def unread_brain(shape: tuple[int, int, int], voxel_size: tuple[float, float, float]) -> Volume:
    """A brain for arithmetic, without an image. Planes are chunks, as in a folder of TIFF files."""
    data = da.zeros(shape, dtype=np.uint16, chunks=(1, -1, -1))
    return Volume(data, voxel_size, "a brain without an image")


def write_tile(folder: Path, seed: int = 1) -> None:
    """Draw the tile and write signal.npy and background.npy (z, y, x) to a folder."""
    brain = make_brain(seed, TILE)
    for channel in CHANNELS:
        write_array(getattr(brain, channel), folder / f"{channel}.npy")


def open_brain(folder: Path, voxels: float) -> tuple[Volume, Volume]:
    """Signal and background of about so many voxels, generated from the tile plane by plane."""
    shape = brain_shape(voxels)
    signal, background = (_mirrored(folder / f"{channel}.npy", shape) for channel in CHANNELS)
    return signal, background


def _mirrored(path: Path, shape: tuple[int, int, int]) -> Volume:
    """Tissue goes on over the edges of tiles, as each is the mirror image of the one before."""
    tile = np.load(path)
    z, y, x = (_mirror(n, wished) for n, wished in zip(tile.shape, shape, strict=True))

    def planes(block_info: dict) -> np.ndarray:
        first, stop = block_info[None]["array-location"][0]
        return tile[z[first:stop]].take(y, axis=1).take(x, axis=2)

    depths = [min(PLANES_PER_CHUNK, shape[0] - at) for at in range(0, shape[0], PLANES_PER_CHUNK)]
    data = da.map_blocks(
        planes,
        chunks=(tuple(depths), (shape[1],), (shape[2],)),
        dtype=tile.dtype,
        meta=np.empty((0, 0, 0), tile.dtype),
    )
    return Volume(data, TILE.voxel_size, str(path))


def _mirror(length: int, wished: int) -> np.ndarray:
    """For each of `wished` positions its place 0 to `length` - 1, there and back again."""
    there_and_back = np.concatenate([np.arange(length), np.arange(length)[::-1]])
    return np.resize(there_and_back, wished)
