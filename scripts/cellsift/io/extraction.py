"""Cutting cuboids around candidates out of volumes, resampled as cellfinder does it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from cellsift.errors import InputError
from cellsift.io.cuboids import CuboidStore, new_store
from cellsift.io.volumes import Volume

BATCH = 32
SLAB_BYTES = 512 * 2**20
AXES = ("z", "y", "x")


def extract_cuboids(
    signal: Volume,
    background: Volume | None,
    positions: np.ndarray,
    shape: tuple[int, int, int],
    voxel_size: tuple[float, float, float],
    path: str | Path,
    progress: bool | None = None,
) -> CuboidStore:
    """Write a store of cuboids around positions and return it opened.

    `positions` (n, 3) are z, y, x in voxels of the signal volume; `shape` and `voxel_size` (µm) are
    the cuboids'. Sampling follows cellfinder 1.10.1 (`classify.cube_generator`): the same part of
    the volume, resized trilinearly without antialiasing. Where that part reaches over the border,
    which makes cellfinder drop the candidate, the outermost voxels are repeated and the candidate
    is marked in `padded`. Planes are read once, in z order; memory holds a slab of planes and the
    candidates whose part is not read to the end. Raises InputError for volumes that do not fit
    together and for positions outside the volume.
    """
    sampling = _Sampling.of(signal, background, positions, shape, voxel_size)
    layout = (len(sampling.volumes), *sampling.shape)
    with (
        new_store(
            path,
            sampling.positions,
            sampling.padded,
            sampling.order,
            layout,
            tuple(float(size) for size in voxel_size),
        ) as writer,
        tqdm(total=len(sampling.order), unit="cuboid", disable=not progress) as bar,
    ):
        for cuboids in sampling.cut():
            writer.append(cuboids)
            bar.update(len(cuboids))
    return CuboidStore.open(path)


def cuboids_at(
    signal: Volume,
    background: Volume | None,
    positions: np.ndarray,
    shape: tuple[int, int, int],
    voxel_size: tuple[float, float, float],
) -> np.ndarray:
    """Cuboids (n, channel, z, y, x) uint16 around positions; as `extract_cuboids`, in memory."""
    sampling = _Sampling.of(signal, background, positions, shape, voxel_size)
    cuboids = np.empty(
        (len(sampling.order), len(sampling.volumes), *sampling.shape), dtype=np.uint16
    )
    done = 0
    for batch in sampling.cut():
        cuboids[sampling.order[done : done + len(batch)]] = batch
        done += len(batch)
    return cuboids


@dataclass(frozen=True)
class _Sampling:
    """What is cut from where: `starts` (n, 3) and `size` (3,) are the parts of the volume, in its
    voxels; `order` lists the positions as they are cut, by z; `shape` is the cuboids'."""

    volumes: list[Volume]
    positions: np.ndarray
    shape: tuple[int, int, int]
    starts: np.ndarray
    size: tuple[int, int, int]
    order: np.ndarray
    padded: np.ndarray

    @classmethod
    def of(cls, signal, background, positions, shape, voxel_size) -> "_Sampling":
        """Check what is asked and find the part of the volume that each position needs."""
        volumes = [signal] if background is None else [signal, background]
        positions = _checked_positions(positions, signal)
        if volumes[-1].shape != signal.shape:
            raise InputError(
                f"signal {signal.source} has shape {signal.shape} but background "
                f"{background.source} has {background.shape} (z, y, x); give two of one shape."
            )
        size = data_size(shape, voxel_size, signal.voxel_size)
        starts = data_starts(positions, size)
        padded = ((starts < 0) | (starts + size > signal.shape)).any(axis=1)
        order = np.argsort(starts[:, 0], kind="stable")
        shape = tuple(int(n) for n in shape)
        return cls(volumes, positions, shape, starts, size, order, padded)

    def cut(self) -> Iterator[np.ndarray]:
        """Yield batches of cuboids in `order`."""
        resize = _Resize(self.size, self.shape)
        for parts in self._parts():
            for first in range(0, len(parts), BATCH):
                yield resize(parts[first : first + BATCH])

    def _parts(self) -> Iterator[np.ndarray]:
        """Yield parts of the volumes (k, channel, z, y, x): one group for each start in z."""
        first_planes, counts = np.unique(self.starts[:, 0], return_counts=True)
        groups = [
            _Group(self, int(first), members)
            for first, members in zip(
                first_planes, np.split(self.order, np.cumsum(counts)[:-1]), strict=len(counts) > 0
            )
        ]
        waiting, active = groups[::-1], []
        for z, planes in self._planes(groups):
            while waiting and waiting[-1].planes[0] <= z:
                active.append(waiting.pop())
            for group in active:
                group.take(z, planes)
            while active and active[0].planes[-1] <= z:
                yield active.pop(0).parts

    def _planes(self, groups: list["_Group"]) -> Iterator[tuple[int, list[np.ndarray]]]:
        """Yield each plane that a group needs, with its number, one array per channel."""
        needed = np.zeros(self.volumes[0].shape[0], dtype=bool)
        for group in groups:
            needed[group.planes] = True
        depth = _slab_depth(self.volumes)
        for first in range(0, len(needed), depth):
            wanted = first + np.flatnonzero(needed[first : first + depth])
            if not len(wanted):
                continue
            start, stop = int(wanted[0]), int(wanted[-1]) + 1
            slabs = [volume.planes(start, stop) for volume in self.volumes]
            for z in wanted:
                yield int(z), [slab[z - start] for slab in slabs]


class _Group:
    """Candidates whose parts start at one plane; filled plane by plane."""

    def __init__(self, sampling: _Sampling, first: int, members: np.ndarray):
        depth, height, width = sampling.volumes[0].shape
        self.planes = np.clip(first + np.arange(sampling.size[0]), 0, depth - 1)
        self._rows, self._columns = (
            np.clip(sampling.starts[members, axis, None] + np.arange(sampling.size[axis]), 0, n - 1)
            for axis, n in ((1, height), (2, width))
        )
        self._shape = (len(members), len(sampling.volumes), *sampling.size)
        self._width = width

    def take(self, z: int, planes: list[np.ndarray]) -> None:
        """Take what the parts need of plane `z`; a padded part needs a border plane repeatedly."""
        if z == self.planes[0]:
            self.parts = np.empty(self._shape, dtype=np.uint16)
            self._pixels = self._rows[:, :, None] * self._width + self._columns[:, None, :]
        pixels = [plane.ravel().take(self._pixels) for plane in planes]
        for depth in np.flatnonzero(self.planes == z):
            for channel, values in enumerate(pixels):
                self.parts[:, channel, depth] = values


class _Resize:
    """Trilinear resize of parts (k, channel, z, y, x), rounded to uint16.

    One matrix per axis, applied cuboid by cuboid: the shapes of the products never vary, so that
    a cuboid's values do not depend on the batch it is in.
    """

    def __init__(self, size: tuple[int, int, int], shape: tuple[int, int, int]):
        self._shape = shape
        self._along_z, self._along_y, self._along_x = (
            None if n == m else interpolation_matrix(n, m)
            for n, m in zip(size, shape, strict=True)
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
    scale = np.float32(size) / np.float32(wished)
    source = np.maximum((np.arange(wished, dtype=np.float32) + 0.5) * scale - 0.5, 0)
    lower = np.minimum(source.astype(int), size - 1)
    upper = np.minimum(lower + 1, size - 1)
    weight = (source - lower).astype(np.float32)
    matrix = np.zeros((wished, size), dtype=np.float32)
    np.add.at(matrix, (np.arange(wished), lower), 1 - weight)
    np.add.at(matrix, (np.arange(wished), upper), weight)
    return matrix


def data_size(shape, voxel_size, data_voxel_size) -> tuple[int, int, int]:
    """Size of a cuboid in voxels of the volume (z, y, x), as cellfinder rounds it."""
    for name, values in (("shape", shape), ("voxel size", voxel_size)):
        if len(values) != 3 or not all(np.isfinite(v) and v > 0 for v in values):
            raise InputError(
                f"the cuboid's {name} is {list(values)}; give three positive numbers z, y, x."
            )
    sizes = zip(shape, voxel_size, data_voxel_size, strict=True)
    size = tuple(int(round(n * wished / found)) for n, wished, found in sizes)
    if min(size) < 1:
        raise InputError(
            f"a cuboid of shape {list(shape)} at {list(voxel_size)} µm is thinner than a voxel of "
            f"{list(data_voxel_size)} µm; make the cuboid larger."
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


def _checked_positions(positions: np.ndarray, volume: Volume) -> np.ndarray:
    positions = np.array(positions, dtype=np.float64).reshape(-1, 3)
    # voxel centres are whole numbers, so the volume begins and ends half a voxel beyond them
    inside = (positions >= -0.5) & (positions <= np.array(volume.shape) - 0.5)
    if not inside.all():
        row, axis = np.argwhere(~inside)[0]
        wrong = int((~inside).any(axis=1).sum())
        raise InputError(
            f"{wrong} of {len(positions)} positions lie outside {volume.source}, the first is "
            f"number {row + 1} with {AXES[axis]} = {positions[row, axis]:g} in a volume of shape "
            f"{tuple(volume.shape)}; give z, y, x in voxels of that volume."
        )
    return positions


def _slab_depth(volumes: list[Volume]) -> int:
    """Planes to read at once: whole chunks, unless a slab would then be too large."""
    chunk = max(volume.data.chunks[0][0] for volume in volumes)
    plane_bytes = sum(v.shape[1] * v.shape[2] * v.dtype.itemsize for v in volumes)
    return int(max(1, min(chunk, SLAB_BYTES // plane_bytes)))
