"""Stores of cuboids: few files on disk, read quickly at random."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import zarr
from numcodecs import blosc
from zarr.codecs import BloscCodec

from cellsift.errors import InputError
from cellsift.io.whole import whole_folder

FORMAT = "cellsift cuboids 1"
SHARD_BYTES = 64 * 2**20
LARGEST_VALUE = 2**16 - 1
SMALLEST_SPREAD = 1e-3


class CuboidStore:
    """Cuboids of one brain on disk, in the order of its candidates.

    A zarr v3 group: `cuboids` (n, channel, z, y, x) uint16 with one cuboid per chunk and many
    chunks per shard, `place` (the row of `cuboids` that holds each candidate), `positions`,
    `padded`. Open one by `CuboidStore.open`, make one by `cellsift.io.extraction`.
    """

    def __init__(self, path: Path, group: zarr.Group):
        self.path = Path(path)
        self._cuboids = group["cuboids"]
        self._place = group["place"][:]
        self.positions: np.ndarray = group["positions"][:]
        self.padded: np.ndarray = group["padded"][:]
        self.channels: int = self._cuboids.shape[1]
        self.shape: tuple[int, int, int] = tuple(self._cuboids.shape[2:])
        self.voxel_size: tuple[float, float, float] = tuple(group.attrs["voxel_size"])
        self.log_median: tuple[float, ...] = tuple(group.attrs["log_median"])
        self.log_spread: tuple[float, ...] = tuple(group.attrs["log_spread"])

    @classmethod
    def open(cls, path: str | Path) -> "CuboidStore":
        """Open a store; raises InputError if there is none or its writing was interrupted."""
        path = Path(path)
        try:
            group = zarr.open_group(path, mode="r")
        except (FileNotFoundError, ValueError, KeyError) as error:
            raise InputError(
                f"{path}: no cuboid store is here ({type(error).__name__}); extract the cuboids."
            ) from None
        if group.attrs.get("format") != FORMAT or group.attrs.get("complete") is not True:
            raise InputError(
                f"{path}: not a complete cuboid store, as if its writing was interrupted; "
                "delete it and extract the cuboids again."
            )
        return cls(path, group)

    def __len__(self) -> int:
        return len(self._place)

    def read(self, indices: np.ndarray) -> np.ndarray:
        """Read cuboids (k, channel, z, y, x) uint16 in the order asked; indices may repeat."""
        indices = np.asarray(indices, dtype=np.int64).reshape(-1)
        if len(indices) and not (indices.min() >= 0 and indices.max() < len(self)):
            raise IndexError(f"cuboids are numbered 0 to {len(self) - 1} in {self.path}")
        place = self._place[indices]
        cuboids = np.empty((len(place), self.channels, *self.shape), dtype=np.uint16)
        per_shard = self._cuboids.shards[0]
        for shard in np.unique(place // per_shard):
            wanted = np.flatnonzero(place // per_shard == shard)
            file = self.path.joinpath("cuboids", "c", str(shard), "0", "0", "0", "0")
            try:
                _read_chunks(file, per_shard, place[wanted] % per_shard, cuboids, wanted)
            except (OSError, RuntimeError, ValueError) as error:
                raise InputError(
                    f"{file}: is missing or damaged ({error}); delete {self.path} and extract "
                    "the cuboids again."
                ) from None
        return cuboids


def _read_chunks(
    file: Path, per_shard: int, chunks: np.ndarray, out: np.ndarray, rows: np.ndarray
) -> None:
    """Read chunks of a shard file into rows of `out`.

    A shard ends with its index: offset and length (uint64) of each chunk, then a 4-byte checksum
    (zarr v3, sharding-indexed codec 1.0). zarr's own reader takes ten times as long for this.
    """
    with file.open("rb") as shard:
        shard.seek(-(16 * per_shard + 4), 2)
        index = np.frombuffer(shard.read(16 * per_shard), dtype="<u8").reshape(per_shard, 2)
        for chunk, row in zip(chunks, rows, strict=True):
            offset, length = (int(number) for number in index[chunk])
            shard.seek(offset)
            content = shard.read(length)
            # the decoder trusts its header (sizes at 4 and 12): a wrong one would overrun memory
            unpacked, packed = (int.from_bytes(content[i : i + 4], "little") for i in (4, 12))
            if unpacked != out[row].nbytes or packed != length or len(content) != length:
                raise ValueError(f"chunk {chunk} has a wrong size")
            blosc.decompress(content, out[row])


class StoreWriter:
    """Takes cuboids one after the other in storage order and writes whole shards."""

    def __init__(
        self,
        folder: Path,
        positions: np.ndarray,
        padded: np.ndarray,
        order: np.ndarray,
        shape: tuple[int, ...],
        voxel_size: tuple[float, float, float],
    ):
        self._group = zarr.open_group(folder, mode="w", zarr_format=3)
        self._group.attrs.update(format=FORMAT, voxel_size=list(voxel_size))
        n = len(positions)
        place = np.empty(n, dtype=np.int64)
        place[order] = np.arange(n)
        for name, content in (("positions", positions), ("padded", padded), ("place", place)):
            self._group.create_array(name, data=content, chunks=(max(n, 1), *content.shape[1:]))
        per_shard = max(1, min(n, SHARD_BYTES // (2 * int(np.prod(shape)))))
        self._cuboids = self._group.create_array(
            "cuboids",
            shape=(n, *shape),
            dtype="uint16",
            chunks=(1, *shape),
            shards=(per_shard, *shape),
            compressors=BloscCodec(cname="lz4", clevel=5, shuffle="bitshuffle"),
            # zarr would compare every chunk with zero, which takes as long as compressing it
            config={"write_empty_chunks": True},
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
        statistics = [log_statistics(counts) for counts in self._counts]
        self._group.attrs.update(
            log_median=[median for median, _ in statistics],
            log_spread=[spread for _, spread in statistics],
        )
        self._group.attrs["complete"] = True

    def _flush(self) -> None:
        if self._buffered:
            stop = self._written + self._buffered
            self._cuboids[self._written : stop] = self._buffer[: self._buffered]
            self._written, self._buffered = stop, 0


@contextmanager
def new_store(path: str | Path, *arguments) -> Iterator[StoreWriter]:
    """Yield a StoreWriter (`arguments` are its own); the store appears at `path` when complete."""
    with whole_folder(path) as folder:
        writer = StoreWriter(folder, *arguments)
        yield writer
        writer.close()


def log_statistics(counts: np.ndarray) -> tuple[float, float]:
    """Median and robust spread (1.4826 times the median absolute deviation) of log1p intensities.

    `counts[v]` says how often the intensity v occurs. The spread is at least 0.001; without any
    intensity the result is 0 and 1.
    """
    if not counts.sum():
        return 0.0, 1.0
    logs = np.log1p(np.arange(len(counts)))
    median = _weighted_median(logs, counts)
    deviation = _weighted_median(np.abs(logs - median), counts)
    return median, max(1.4826 * deviation, SMALLEST_SPREAD)


def _weighted_median(values: np.ndarray, counts: np.ndarray) -> float:
    order = np.argsort(values, kind="stable")
    cumulative = np.cumsum(counts[order])
    total = cumulative[-1]
    middle = np.searchsorted(cumulative, [(total - 1) // 2, total // 2], side="right")
    return float(values[order][middle].mean())
