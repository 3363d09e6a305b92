"""Maximum projections of a whole brain, small enough for a page; `projecting` makes them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cellsift.io.array_files import read_arrays
from cellsift.io.atomic import atomic_file
from cellsift.io.axes import Shape, Size, per_axis

# Of a projection's views, several times over; a file that unpacks to more is none.
MOST_BYTES = 2**28
KEYS = ("top", "front", "shape", "voxel_size", "bins")


@dataclass(frozen=True)
class Projection:
    """The brightest voxel along an axis, for each channel (0 signal, 1 background).

    `top` (channel, y, x) looks along z, `front` (channel, z, x) along y. A pixel of them covers
    `bins` (z, y, x) voxels of the volume, which has `shape` and `voxel_size` (µm), both z, y, x.
    """

    top: np.ndarray
    front: np.ndarray
    shape: Shape
    voxel_size: Size
    bins: Shape

    @property
    def size_um(self) -> Size:
        """Extent of the volume in µm (z, y, x)."""
        return per_axis(n * size for n, size in zip(self.shape, self.voxel_size, strict=True))


def save_projection(projection: Projection, path: str | Path) -> None:
    """Write a projection as a compressed .npz, whole or not at all."""
    with atomic_file(path) as beside, beside.open("wb") as file:
        np.savez_compressed(file, **{key: getattr(projection, key) for key in KEYS})


def load_projection(path: str | Path) -> Projection:
    """The projection that `save_projection` wrote. Raises InputError for any other file."""
    arrays = read_arrays(path, KEYS, "a projection", MOST_BYTES)
    plain = {key: tuple(arrays[key].tolist()) for key in ("shape", "voxel_size", "bins")}
    return Projection(arrays["top"], arrays["front"], **plain)
