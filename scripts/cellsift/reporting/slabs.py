"""A brain as pictures of slabs of its planes, and how good each plane is; `projecting` makes them.

For the viewer of a brain's page, in which people step through the depth.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cellsift.io.array_files import read_arrays
from cellsift.io.atomic import atomic_file
from cellsift.io.axes import Size

# A file that unpacks to more is none.
MOST_BYTES = 2**28
KEYS = ("pictures", "edges", "voxel_size", "bins", "planes")
# What is known of each plane, in this order.
QUALITIES = ("median", "bright", "brightest", "share_brightest", "rows", "columns")


@dataclass(frozen=True)
class Slabs:
    """Pictures (slab, y, x) uint8 of the signal: the brightest voxel through each slab's planes.

    Brightness is on a logarithmic scale, the same for all. A slab has planes edges[i] to
    edges[i + 1] - 1; a pixel covers `bins` (y, x) voxels of `voxel_size` (µm; z, y, x).

    `planes` (channel, z, quality) are `QUALITIES` of each plane: its median, the 99th percentile
    and the highest value, and which share of the voxels has the latter; by how much neighbouring
    rows and columns differ in their mean, as a share of the median: stripes.

    Example:
        >>> pictures = np.zeros((2, 4, 5), np.uint8)
        >>> slabs = Slabs(pictures, np.array([0, 3, 6]), (5, 2, 2), (1, 1), np.zeros((1, 6, 6)))
        >>> slabs.of_planes(np.array([0.0, 2.4, 3.0])).tolist()
        [0, 0, 1]
    """

    pictures: np.ndarray
    edges: np.ndarray
    voxel_size: Size
    bins: tuple[int, int]
    planes: np.ndarray

    def __len__(self) -> int:
        return len(self.pictures)

    def of_planes(self, z: np.ndarray) -> np.ndarray:
        """The slab (n,) in which each of these depths (n,) lies, in voxels; ends are extended."""
        nearest = np.floor(np.asarray(z, float) + 0.5)
        return np.clip(np.searchsorted(self.edges, nearest, side="right") - 1, 0, len(self) - 1)


def save_slabs(slabs: Slabs, path: str | Path) -> None:
    """Write them as a compressed .npz, whole or not at all."""
    with atomic_file(path) as beside, beside.open("wb") as file:
        np.savez_compressed(file, **{key: getattr(slabs, key) for key in KEYS})


def load_slabs(path: str | Path) -> Slabs:
    """What `save_slabs` wrote. Raises InputError for any other file."""
    arrays = read_arrays(path, KEYS, "a brain's slabs", MOST_BYTES)
    plain = {key: tuple(arrays[key].tolist()) for key in ("voxel_size", "bins")}
    return Slabs(arrays["pictures"], arrays["edges"], planes=arrays["planes"], **plain)
