"""Cutting cuboids around candidates out of volumes, resampled as cellfinder does it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from cellsift.cuboids.passes import plan_passes, share_memory
from cellsift.cuboids.resampling import Resize, data_size, data_starts
from cellsift.cuboids.store import CuboidStore
from cellsift.cuboids.writer import SHARD_BYTES, new_store
from cellsift.errors import InputError
from cellsift.io.axes import AXES, per_axis
from cellsift.io.volumes import Volume

BATCH = 32
MEMORY_BYTES = 2 * 2**30
# Of the memory, for one shard; it is held about three times while it is compressed.
SHARE_OF_SHARD = 8
COPIES_OF_SHARD = 3


def extract_cuboids(
    signal: Volume,
    background: Volume | None,
    positions: np.ndarray,
    shape: Sequence[int],
    voxel_size: Sequence[float],
    path: str | Path,
    progress: bool | None = None,
    memory_bytes: int = MEMORY_BYTES,
) -> CuboidStore:
    """Write a store of cuboids around positions and return it opened.

    `positions` (n, 3) are z, y, x in voxels of the signal volume; `shape` and `voxel_size` (µm) are
    the cuboids'. Sampling follows cellfinder 1.10.1 (`classify.cube_generator`): the same part of
    the volume, resized trilinearly without antialiasing. Where that part reaches over the border,
    which makes cellfinder drop the candidate, the outermost voxels are repeated and the candidate
    is marked in `padded`.

    Planes are read once, in z order. `memory_bytes` bounds what is held of planes, of candidates
    whose part is not read to the end, and of cuboids not yet written, whatever the volume's size;
    numpy, zarr and the table of positions come on top. Where candidates are too dense for it,
    those that have no room are cut in another pass through the planes they need.

    Raises InputError for volumes that do not fit together, positions outside the volume, and a
    memory that does not hold a plane.
    """
    shard_bytes, held = split_memory(memory_bytes)
    sampling = _Sampling.of(signal, background, positions, shape, voxel_size, held)
    layout = (len(sampling.volumes), *sampling.shape)
    with (
        new_store(
            path,
            sampling.positions,
            sampling.padded,
            sampling.order,
            layout,
            per_axis(float(size) for size in voxel_size),
            shard_bytes,
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
    shape: Sequence[int],
    voxel_size: Sequence[float],
    memory_bytes: int = MEMORY_BYTES,
) -> np.ndarray:
    """Cuboids (n, channel, z, y, x) uint16 around positions; as `extract_cuboids`, in memory.

    `memory_bytes` bounds what is held besides the result.
    """
    sampling = _Sampling.of(signal, background, positions, shape, voxel_size, memory_bytes)
    order = sampling.order
    cuboids = np.empty((len(order), len(sampling.volumes), *sampling.shape), dtype=np.uint16)
    done = 0
    for batch in sampling.cut():
        cuboids[order[done : done + len(batch)]] = batch
        done += len(batch)
    return cuboids


def split_memory(memory_bytes: int) -> tuple[int, int]:
    """Bytes of a shard of the store, and what is left for planes and candidates."""
    shard_bytes = min(SHARD_BYTES, memory_bytes // SHARE_OF_SHARD)
    return shard_bytes, memory_bytes - COPIES_OF_SHARD * shard_bytes


def bytes_per_candidate(size: tuple[int, int, int], channels: int) -> int:
    """What a candidate takes while it waits: its part of `size`, and the places of its pixels."""
    z, y, x = size
    pixel = np.dtype(np.intp).itemsize + channels * np.dtype(np.uint16).itemsize
    return channels * z * y * x * np.dtype(np.uint16).itemsize + y * x * pixel


@dataclass(frozen=True)
class _Sampling:
    """What is cut from where.

    `starts` (n, 3) and `size` (3,) are the parts of the volume, in its voxels; `shape` is the
    cuboids' (z, y, x). `passes` are the positions as they are cut (`plan_passes`), `depth` planes
    being read at once.
    """

    volumes: list[Volume]
    positions: np.ndarray
    shape: tuple[int, int, int]
    starts: np.ndarray
    size: tuple[int, int, int]
    padded: np.ndarray
    depth: int
    passes: list[list[np.ndarray]]

    @classmethod
    def of(
        cls,
        signal: Volume,
        background: Volume | None,
        positions: np.ndarray,
        shape: Sequence[int],
        voxel_size: Sequence[float],
        memory_bytes: int,
    ) -> "_Sampling":
        """Check what is asked and find the part of the volume that each position needs."""
        volumes = [signal] if background is None else [signal, background]
        positions = _checked_positions(positions, signal)
        if background is not None and background.shape != signal.shape:
            raise InputError(
                f"signal {signal.source} has shape {signal.shape} but background "
                f"{background.source} has {background.shape} (z, y, x); give two of one shape."
            )
        size = data_size(shape, voxel_size, signal.voxel_size)
        starts = data_starts(positions, size)
        padded = np.any((starts < 0) | (starts + size > signal.shape), axis=1)
        whole = per_axis(int(n) for n in shape)
        depth, capacity = share_memory(
            memory_bytes, volumes, bytes_per_candidate(size, len(volumes))
        )
        passes = plan_passes(starts[:, 0], size[0], capacity)
        return cls(volumes, positions, whole, starts, size, padded, depth, passes)

    @property
    def order(self) -> np.ndarray:
        """The positions as they are cut."""
        groups = [group for groups in self.passes for group in groups]
        return np.concatenate(groups) if groups else np.arange(0)

    def cut(self) -> Iterator[np.ndarray]:
        """Yield batches of cuboids in `order`."""
        resize = Resize(self.size, self.shape)
        for parts in self._parts():
            for first in range(0, len(parts), BATCH):
                yield resize(parts[first : first + BATCH])

    def _parts(self) -> Iterator[np.ndarray]:
        """Yield parts of the volumes (k, channel, z, y, x): one group after the other."""
        for members in self.passes:
            # Nothing else may refer to a group, or its parts would be held to the end.
            waiting, active = [_Group(self, group) for group in reversed(members)], []
            for z, planes in self._planes(self._needed(waiting)):
                while waiting and waiting[-1].planes[0] <= z:
                    active.append(waiting.pop())
                for group in active:
                    group.take(z, planes)
                while active and active[0].planes[-1] <= z:
                    yield active.pop(0).parts
                # Else these planes would still be held while the next ones are read.
                del planes

    def _needed(self, groups: list["_Group"]) -> np.ndarray:
        """For each plane of the volume, whether a group needs it."""
        needed = np.zeros(self.volumes[0].shape[0], dtype=bool)
        for group in groups:
            needed[group.planes] = True
        return needed

    def _planes(self, needed: np.ndarray) -> Iterator[tuple[int, list[np.ndarray]]]:
        """Yield each plane that is needed, with its number, one array per channel."""
        for first in range(0, len(needed), self.depth):
            wanted = first + np.flatnonzero(needed[first : first + self.depth])
            if not len(wanted):
                continue
            start, stop = int(wanted[0]), int(wanted[-1]) + 1
            slabs = [np.ascontiguousarray(v.planes(start, stop)) for v in self.volumes]
            for z in wanted:
                yield int(z), [slab[z - start] for slab in slabs]
            del slabs


class _Group:
    """Candidates whose parts start at one plane; filled plane by plane."""

    def __init__(self, sampling: _Sampling, members: np.ndarray):
        self._sampling, self._starts = sampling, sampling.starts[members]
        self.planes = np.clip(
            self._starts[0, 0] + np.arange(sampling.size[0]), 0, sampling.volumes[0].shape[0] - 1
        )

    def take(self, z: int, planes: list[np.ndarray]) -> None:
        """Take what the parts need of plane `z`; a padded part needs a border plane repeatedly."""
        if z == self.planes[0]:
            self._begin()
        pixels = [plane.ravel().take(self._pixels) for plane in planes]
        for depth in np.flatnonzero(self.planes == z):
            for channel, values in enumerate(pixels):
                self.parts[:, channel, depth] = values

    def _begin(self) -> None:
        """Make room for the parts and find their pixels, the same in every plane."""
        size, (_, height, width) = self._sampling.size, self._sampling.volumes[0].shape
        rows = np.clip(self._starts[:, 1, None] + np.arange(size[1]), 0, height - 1)
        columns = np.clip(self._starts[:, 2, None] + np.arange(size[2]), 0, width - 1)
        self._pixels = rows[:, :, None] * width + columns[:, None, :]
        self.parts = np.empty(
            (len(self._starts), len(self._sampling.volumes), *size), dtype=np.uint16
        )


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
