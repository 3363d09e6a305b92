"""Which part of a volume a cuboid takes, and its resize: as in cellfinder 1.10.1.

Source: `cellfinder.core.classify.cube_generator`.
"""

import numpy as np

from cellsift.errors import InputError
from cellsift.io.axes import Shape, per_axis


class Resize:
    """Trilinear resize of parts (k, channel, z, y, x), rounded to uint16.

    One matrix per axis, applied cuboid by cuboid: the shapes of the products never vary, so that
    a cuboid's values do not depend on the batch it is in.
    """

    def __init__(self, size: tuple[int, int, int], shape: tuple[int, int, int]):
        self._shape = tuple(shape)
        self._along_z, self._along_y, self._along_x = (
            None if n == m else interpolation_matrix(n, m) for n, m in zip(size, shape, strict=True)
        )

    def __call__(self, parts: np.ndarray) -> np.ndarray:
        cuboids = np.empty((*parts.shape[:2], *self._shape), dtype=np.uint16)
        for cuboid, part in zip(cuboids, parts, strict=True):
            np.rint(self._resized(part.astype(np.float32)), out=cuboid, casting="unsafe")
        return cuboids

    def _resized(self, part: np.ndarray) -> np.ndarray:
        if self._along_z is not None:
            channels, z, y, x = part.shape
            part = (self._along_z @ part.reshape(channels, z, y * x)).reshape(channels, -1, y, x)
        if self._along_y is not None:
            part = self._along_y @ part
        if self._along_x is not None:
            part = (part.reshape(-1, part.shape[-1]) @ self._along_x.T).reshape(
                *part.shape[:-1], -1
            )
        return part


def interpolation_matrix(size: int, wished: int) -> np.ndarray:
    """Matrix (wished, size) float32 of linear interpolation as torch's `interpolate` does it.

    Pixel centres are at halves (align_corners false), no antialiasing, the ends held constant.
    """
    # in float32, as torch does: float64 would be more exact but further from cellfinder
    scale = np.float32(size) / np.float32(wished)
    source = np.maximum((np.arange(wished, dtype=np.float32) + 0.5) * scale - 0.5, 0)
    lower = np.minimum(source.astype(int), size - 1)
    upper = np.minimum(lower + 1, size - 1)
    weight = source - lower
    matrix = np.zeros((wished, size), dtype=np.float32)
    np.add.at(matrix, (np.arange(wished), lower), 1 - weight)
    np.add.at(matrix, (np.arange(wished), upper), weight)
    return matrix


def data_size(shape, voxel_size, data_voxel_size) -> Shape:
    """Size of a cuboid in voxels of the volume (z, y, x), as cellfinder rounds it."""
    for name, values in (("shape", shape), ("voxel size", voxel_size)):
        if len(values) != 3 or not all(np.isfinite(v) and v > 0 for v in values):
            raise InputError(
                f"the cuboid's {name} is {list(values)}; give three positive numbers z, y, x."
            )
    sizes = zip(shape, voxel_size, data_voxel_size, strict=True)
    size = per_axis(int(round(n * wished / found)) for n, wished, found in sizes)
    if min(size) < 1:
        raise InputError(
            f"a cuboid of shape {list(shape)} at {list(voxel_size)} µm is thinner than a voxel of "
            f"{list(data_voxel_size)} µm; make the cuboid larger by cuboid.shape or "
            "cuboid.voxel_size in the config."
        )
    return size


def data_starts(positions: np.ndarray, size: tuple[int, int, int]) -> np.ndarray:
    """First voxels (n, 3) of the cuboids around positions; negative where the border is near.

    cellfinder centres z otherwise than y and x; it cuts towards zero, which is rounding down for
    all that it keeps.
    """
    starts = np.rint(positions - np.array(size) / 2)
    starts[:, 0] = np.floor(positions[:, 0] - size[0] // 2)
    return starts.astype(np.int64)
