"""Stores of cuboids: few files on disk, read quickly at random, one for each chunk of a brain."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property, reduce
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
from numcodecs import blosc

from cellsift.errors import InputError
from cellsift.io.axes import Shape, Size, per_axis

if TYPE_CHECKING:
    import zarr

FORMAT = "cellsift cuboids 2"
SMALLEST_SPREAD = 1e-3
# Read as a whole; shards of cuboids are looked at when they are read.
SMALL_ARRAYS = ("positions", "padded", "place", "counts")


class CuboidStore:
    """Cuboids of one brain on disk, in the order of its candidates, in one store or several.

    Each store is a zarr v3 group: `cuboids` (n, channel, z, y, x) uint16 with one cuboid per chunk
    and many chunks per shard, `place` (the row of `cuboids` that holds each candidate),
    `positions` (n, 3), `padded` (n,), `counts` (channel, 65536): how often each intensity occurs.
    Open them by `CuboidStore.open`, make one by `cellsift.cuboids.extraction`.

    `positions` are z, y, x in voxels of the signal, `shape` and `voxel_size` (µm) z, y, x of a
    cuboid; `padded` says which candidates lie so near the border that voxels were repeated.
    """

    def __init__(self, parts: Sequence[_Part]):
        first = parts[0]
        self._parts = list(parts)
        self._ends = np.cumsum([len(part) for part in parts])
        self.paths: list[Path] = [part.path for part in parts]
        self.positions: np.ndarray = np.concatenate([part.positions for part in parts])
        self.padded: np.ndarray = np.concatenate([part.padded for part in parts])
        self.channels: int = first.channels
        self.shape: Shape = first.shape
        self.voxel_size: Size = first.voxel_size

    @classmethod
    def open(cls, paths: str | Path | Sequence[str | Path]) -> CuboidStore:
        """Open a brain's store, or the stores of its chunks, which follow each other in z.

        Raises InputError if one is missing, was interrupted while written, or does not go with
        the others.
        """
        paths = [paths] if isinstance(paths, str | Path) else list(paths)
        if not paths:
            raise InputError("no cuboid store was named; give one for each chunk of the brain")
        parts = [_Part.open(Path(path)) for path in paths]
        _check_chunks(parts)
        return cls(parts)

    def __len__(self) -> int:
        return len(self.positions)

    @property
    def log_median(self) -> tuple[float, ...]:
        """Median of log1p intensities over all cuboids of the brain, for each channel."""
        return tuple(median for median, _ in self._statistics)

    @property
    def log_spread(self) -> tuple[float, ...]:
        """Robust spread of log1p intensities over all cuboids of the brain, for each channel."""
        return tuple(spread for _, spread in self._statistics)

    @cached_property
    def _statistics(self) -> list[tuple[float, float]]:
        # From counts, which add up: so the brain's chunks do not show in its statistics.
        total = reduce(np.add, (part.counts() for part in self._parts))
        return [log_statistics(counts) for counts in total]

    def read(self, indices: np.ndarray) -> np.ndarray:
        """Read cuboids (k, channel, z, y, x) uint16 in the order asked; indices may repeat."""
        indices = np.asarray(indices, dtype=np.int64).reshape(-1)
        if len(indices) and not (indices.min() >= 0 and indices.max() < len(self)):
            raise IndexError(f"cuboids are numbered 0 to {len(self) - 1} in {self.paths[0]}")
        cuboids = np.empty((len(indices), self.channels, *self.shape), dtype=np.uint16)
        of_part = np.searchsorted(self._ends, indices, side="right")
        for number in np.unique(of_part):
            part, rows = self._parts[number], np.flatnonzero(of_part == number)
            part.read(indices[rows] - (self._ends[number] - len(part)), cuboids, rows)
        return cuboids


class _Part:
    """One store: the cuboids of a brain, or of one chunk of it."""

    def __init__(self, path: Path, group: zarr.Group):
        self.path = path
        self._cuboids = _array(group, "cuboids")
        self._place = np.asarray(_array(group, "place")[:])
        self._counts = np.asarray(_array(group, "counts")[:])
        self.positions = np.asarray(_array(group, "positions")[:])
        self.padded = np.asarray(_array(group, "padded")[:])
        self.channels: int = self._cuboids.shape[1]
        self.shape: Shape = per_axis(self._cuboids.shape[2:])
        self.voxel_size: Size = per_axis(cast(list[float], group.attrs["voxel_size"]))

    @classmethod
    def open(cls, path: Path) -> _Part:
        # Long to load, and of no use to those who take no store but what goes with it.
        import zarr

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
        try:
            lost = [name for name in SMALL_ARRAYS if not _has_all_chunks(_array(group, name))]
            part: _Part | None = cls(path, group)
        except (OSError, RuntimeError, ValueError, KeyError) as error:
            lost, part = [f"what {error} tells of"], None
        if lost or part is None:
            raise InputError(
                f"{path}: {', '.join(lost)} is missing or damaged; delete the folder and extract "
                "the cuboids again."
            )
        return part

    def __len__(self) -> int:
        return len(self._place)

    def counts(self) -> np.ndarray:
        """How often each intensity occurs, (channel, 65536) int64."""
        return self._counts

    def read(self, indices: np.ndarray, out: np.ndarray, rows: np.ndarray) -> None:
        """Read cuboids into rows of `out`."""
        place = self._place[indices]
        # Every store is sharded.
        per_shard = cast(tuple[int, ...], self._cuboids.shards)[0]
        for shard in np.unique(place // per_shard):
            wanted = np.flatnonzero(place // per_shard == shard)
            file = self.path.joinpath("cuboids", "c", str(shard), "0", "0", "0", "0")
            try:
                _read_chunks(file, per_shard, place[wanted] % per_shard, out, rows[wanted])
            except (OSError, RuntimeError, ValueError) as error:
                raise InputError(
                    f"{file}: is missing or damaged ({error}); delete {self.path} and extract "
                    "the cuboids again."
                ) from None


def _array(group: zarr.Group, name: str) -> zarr.Array:
    """An array of a store, which holds no groups."""
    return cast("zarr.Array", group[name])


def _has_all_chunks(array: zarr.Array) -> bool:
    """Whether no chunk is lost, for which zarr would give zeros."""
    return array.nchunks_initialized == array.nchunks


def _check_chunks(parts: list[_Part]) -> None:
    """Refuse stores that are no chunks of one brain in the order of z."""
    first, *others = parts
    for part in others:
        layouts = [(p.channels, p.shape, p.voxel_size) for p in (first, part)]
        if layouts[0] != layouts[1]:
            raise InputError(
                f"{part.path}: has cuboids of (channels, shape, voxel size in µm) {layouts[1]}, "
                f"{first.path} of {layouts[0]}; extract the cuboids of the brain again."
            )
    filled = [part for part in parts if len(part)]
    for before, after in zip(filled, filled[1:], strict=False):
        if after.positions[:, 0].min() < before.positions[:, 0].max():
            raise InputError(
                f"{after.path}: its candidates do not follow those of {before.path} in z; give "
                "all chunks of one brain in order, each once."
            )


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
