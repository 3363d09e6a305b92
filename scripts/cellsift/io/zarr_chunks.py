"""The chunk files of a Zarr array on disk, as they are and as the metadata look for them."""

from __future__ import annotations

import math
import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from cellsift.errors import InputError, disk_trouble

if TYPE_CHECKING:
    import zarr

# A chunk's name is its numbers, with a separator between them, after a "c" in Zarr 3's own way.
NAME = re.compile(r"(c[./])?((?:0|[1-9][0-9]*)(?:[./](?:0|[1-9][0-9]*))*)")
METADATA = {"zarr.json", ".zarray", ".zattrs", ".zgroup", ".zmetadata"}
# The header of Blosc: its last four bytes are the length of the whole (github.com/Blosc/c-blosc).
BLOSC_HEADER = 16


@dataclass(frozen=True)
class ChunkFiles:
    """What lies in an array's folder.

    `indices` (files, axes) are the numbers of the chunks (of the shards, if there are any) whose
    files are where the metadata look for them, `sizes` their lengths in bytes. `misplaced` counts
    files of further chunks by another way to name them: with "c" or not, and the separator.
    `beyond` are names of chunks that the array's shape does not reach, `others` what is no chunk.
    """

    folder: Path
    array: zarr.Array
    indices: np.ndarray
    sizes: np.ndarray
    misplaced: Counter = field(default_factory=Counter)
    beyond: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)

    @property
    def grid(self) -> tuple[int, ...]:
        """The number of files along each axis, by the shape."""
        return grid_of(self.array.shape, self.array.shards or self.array.chunks)

    @property
    def count(self) -> int:
        return math.prod(self.grid)

    @property
    def absent(self) -> int:
        return self.count - len(self.indices)

    def file(self, number: int) -> Path:
        return self.folder / self.array.metadata.encode_chunk_key(
            tuple(map(int, self.indices[number]))
        )


def grid_of(shape: tuple[int, ...], chunks: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(-(-size // chunk) for size, chunk in zip(shape, chunks, strict=True))


def list_chunk_files(folder: Path, array: zarr.Array) -> ChunkFiles:
    """Go through an array's folder once, without opening a file.

    Raises InputError if it cannot be reached.
    """
    grid = grid_of(array.shape, array.shards or array.chunks)
    wanted = _way_to_name(array.metadata.encode_chunk_key((1,) * array.ndim))
    there, elsewhere, beyond, others = {}, {}, [], []
    for name, size in _files(folder):
        match = NAME.fullmatch(name)
        index = tuple(map(int, re.split("[./]", match[2]))) if match else ()
        way = _way_to_name(name)
        if len(index) != array.ndim or not way:
            others.append(name)
        elif any(number >= size for number, size in zip(index, grid, strict=True)):
            beyond.append(name)
        elif way == wanted:
            there[index] = size
        else:
            elsewhere[index] = way
    misplaced = Counter(way for index, way in elsewhere.items() if index not in there)
    indices = np.array(list(there), dtype=np.int64).reshape(len(there), array.ndim)
    sizes = np.fromiter(there.values(), np.int64, len(there))
    return ChunkFiles(folder, array, indices, sizes, misplaced, sorted(beyond), sorted(others))


def _way_to_name(name: str) -> str | None:
    """How a chunk's name is made: "c/" or "." say; None for a mixture of separators."""
    separators = {letter for letter in name if letter in "./"}
    return (
        ("c" if name.startswith("c") else "") + separators.pop() if len(separators) == 1 else None
    )


def _files(folder: Path) -> Iterator[tuple[str, int]]:
    """Name within the folder, with "/", and length of each file that is not metadata or hidden."""
    inside = [""]
    try:
        while inside:
            prefix = inside.pop()
            with os.scandir(folder / prefix) as entries:
                for entry in entries:
                    name = prefix + entry.name
                    if entry.is_dir():
                        inside.append(name + "/")
                    elif entry.name not in METADATA and not entry.name.startswith("."):
                        yield name, entry.stat().st_size
    except OSError as error:
        trouble = disk_trouble(error) or f"cannot be read ({error}). Copy the OME-Zarr again"
        raise InputError(f"{error.filename or folder}: {trouble}.") from error


def refuse_cut_off(files: ChunkFiles) -> None:
    """Raise InputError for a chunk file that cannot be whole by its length; decodes nothing.

    Decoders refuse what is cut off when it is read, but that of Blosc reads on past the end of the
    file and returns noise, and nothing is read of what is empty.
    """
    again = "Copy or write the OME-Zarr again."
    if not files.sizes.all():
        empty = np.flatnonzero(files.sizes == 0)
        raise InputError(
            f"{files.file(empty[0])}: this chunk is cut off, no byte of it is there (as of "
            f"{len(empty) - 1} more): the disk was full perhaps, or a copy broken off. {again}"
        )
    plain = _plain_size(files.array)
    if plain is not None and (files.sizes != plain).any():
        wrong = int(np.argmax(files.sizes != plain))
        raise InputError(
            f"{files.file(wrong)}: this chunk is cut off or not what the metadata describe: it "
            f"has {files.sizes[wrong]} bytes instead of {plain}. {again}"
        )
    compressors = [type(codec).__name__ for codec in files.array.compressors]
    if compressors[-1:] in (["Blosc"], ["BloscCodec"]) and not files.array.shards:
        for number, size in enumerate(files.sizes.tolist()):
            with files.file(number).open("rb", buffering=0) as file:
                header = file.read(BLOSC_HEADER)
            length = int.from_bytes(header[12:], "little")
            if size < max(length, BLOSC_HEADER) or not header[0]:
                raise InputError(
                    f"{files.file(number)}: this chunk is cut off, {size} of {length} bytes are "
                    f"there. {again}"
                )


def _plain_size(array: zarr.Array) -> int | None:
    """The length of every chunk file of an array without compression; None for others."""
    if array.shards or array.compressors or array.filters:
        return None
    return math.prod(array.chunks) * array.dtype.itemsize


def refuse_lost(files: ChunkFiles) -> None:
    """Raise InputError for chunks that are there but not found, and if none at all is found.

    A few absent ones may be right: writers leave out chunks that hold nothing.
    """
    if files.absent and files.misplaced:
        way, count = files.misplaced.most_common(1)[0]
        key = files.array.metadata.encode_chunk_key((0,) * files.array.ndim)
        raise InputError(
            f"{files.folder}: {files.absent} of {files.count} chunks have no file where the "
            f"metadata look for it (the first is {key}) and would read as "
            f"{fill_value(files.array)}, but {count} chunks lie there under other names "
            f"({name_of(way, (0,) * files.array.ndim)}). {remedy(way, files.array)}"
        )
    if not len(files.indices):
        seen = [*files.beyond, *files.others]
        found = f"{len(seen)} files with other names ({seen[0]})" if seen else "no other file"
        raise InputError(
            f"{files.folder}: none of the {files.count} chunks has a file, so that all voxels "
            f"would read as {fill_value(files.array)}; there is {found}. Copy or write the "
            "OME-Zarr again."
        )
    if files.absent and not np.isfinite(fill_value(files.array)):
        raise InputError(
            f"{files.folder}: {files.absent} of {files.count} chunks have no file and read as "
            f"{fill_value(files.array)}. Copy the OME-Zarr again, or set fill_value to 0 in its "
            "metadata if these chunks are empty."
        )


def fill_value(array: zarr.Array) -> float:
    """What the voxels of an absent chunk read as."""
    value = array.metadata.fill_value
    if value is None:
        return 0
    # Of voxels it is a number, whatever else it may be in Zarr.
    return cast(float, value.item() if isinstance(value, np.generic) else value)


def name_of(way: str, index: Sequence[int]) -> str:
    """A chunk's name by a way to make it, as "c/" or "."."""
    return way[-1].join([*way[:-1], *map(str, index)])


def remedy(way: str, array: zarr.Array) -> str:
    """What to change in the metadata so that chunks named in another way are found."""
    if array.metadata.zarr_format == 2 and not way.startswith("c"):
        return f'Set "dimension_separator": "{way}" in .zarray.'
    if array.metadata.zarr_format == 3:
        name = "default" if way.startswith("c") else "v2"
        return (
            f'Set "chunk_key_encoding": {{"name": "{name}", "configuration": {{"separator": '
            f'"{way[-1]}"}}}} in zarr.json.'
        )
    return "They are named as Zarr 3 does: put its metadata (zarr.json) there instead of .zarray."
