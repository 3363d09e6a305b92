"""Writing a store of cuboids, whole or not at all."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import zarr
from zarr.codecs import BloscCodec

from cellsift.cuboids.store import FORMAT
from cellsift.io.atomic import atomic_folder

if TYPE_CHECKING:
    from zarr.core.array_spec import ArrayConfigParams

# So large that a million cuboids of cellfinder's size are some hundred files.
SHARD_BYTES = 256 * 2**20
LARGEST_VALUE = 2**16 - 1
# Chunks of zeros, too: one without a file is one that is lost. Besides, to compare a cuboid with
# zero takes as long as to compress it.
EVERY_CHUNK: "ArrayConfigParams" = {"write_empty_chunks": True}


class StoreWriter:
    """Takes cuboids one after the other in storage order and writes whole shards.

    Args:
        positions, padded: z, y, x (n, 3) in voxels of the signal, and whether at its border (n,).
        order: the candidates in storage order.
        shape: of a cuboid (channel, z, y, x); `voxel_size` (z, y, x) is its voxels' in µm.
        shard_bytes: largest shard; about three times as much is held in memory.
    """

    def __init__(
        self,
        folder: Path,
        positions: np.ndarray,
        padded: np.ndarray,
        order: np.ndarray,
        shape: tuple[int, ...],
        voxel_size: tuple[float, float, float],
        shard_bytes: int = SHARD_BYTES,
    ):
        self._group = zarr.open_group(folder, mode="w", zarr_format=3)
        self._group.attrs.update(format=FORMAT, voxel_size=list(voxel_size))
        n = len(positions)
        place = np.empty(n, dtype=np.int64)
        place[order] = np.arange(n)
        for name, content in (("positions", positions), ("padded", padded), ("place", place)):
            chunks = (max(n, 1), *content.shape[1:])
            self._group.create_array(name, data=content, chunks=chunks, config=EVERY_CHUNK)
        per_shard = max(1, min(n, shard_bytes // (2 * int(np.prod(shape)))))
        self._cuboids = self._group.create_array(
            "cuboids",
            shape=(n, *shape),
            dtype="uint16",
            chunks=(1, *shape),
            shards=(per_shard, *shape),
            compressors=BloscCodec(cname="lz4", clevel=5, shuffle="bitshuffle"),
            config=EVERY_CHUNK,
        )
        self._buffer = np.empty((per_shard, *shape), dtype=np.uint16)
        self._buffered = self._written = 0
        self._counts = np.zeros((shape[0], LARGEST_VALUE + 1), dtype=np.int64)

    def append(self, cuboids: np.ndarray) -> None:
        """Take cuboids (k, channel, z, y, x) uint16, the next ones in storage order."""
        for channel, counts in enumerate(self._counts):
            counts += np.bincount(cuboids[:, channel].ravel(), minlength=len(counts))
        while len(cuboids):
            room = len(self._buffer) - self._buffered
            taken, cuboids = cuboids[:room], cuboids[room:]
            self._buffer[self._buffered : self._buffered + len(taken)] = taken
            self._buffered += len(taken)
            if self._buffered == len(self._buffer):
                self._flush()

    def close(self) -> None:
        """Write what is left and mark the store as complete."""
        self._flush()
        if self._written != self._cuboids.shape[0]:
            raise ValueError(f"{self._written} cuboids of {self._cuboids.shape[0]} were given")
        shape = self._counts.shape
        self._group.create_array("counts", data=self._counts, chunks=shape, config=EVERY_CHUNK)
        self._group.attrs["complete"] = True

    def _flush(self) -> None:
        if self._buffered:
            stop = self._written + self._buffered
            self._cuboids[self._written : stop] = self._buffer[: self._buffered]
            self._written, self._buffered = stop, 0


@contextmanager
def new_store(path: str | Path, *arguments) -> Iterator[StoreWriter]:
    """Yield a StoreWriter (`arguments` are its own); the store appears at `path` when complete."""
    with atomic_folder(path) as folder:
        writer = StoreWriter(folder, *arguments)
        yield writer
        writer.close()
