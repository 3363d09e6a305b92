"""What a shard of Zarr 3 holds, by the index that it has at its end or start."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
import zarr
from zarr.codecs import BytesCodec, Crc32cCodec, ShardingCodec

from cellsift.errors import InputError
from cellsift.io.zarr_chunks import ChunkFiles, grid_of

if TYPE_CHECKING:
    from zarr.core.metadata import ArrayV3Metadata

# Offset and length of a chunk that is not in the shard.
MISSING = 2**64 - 1


def stored_chunks(files: ChunkFiles) -> tuple[np.ndarray, np.ndarray]:
    """Numbers (chunks, axes) of the chunks that are stored, and their lengths in bytes.

    Without shards these are the files. Raises InputError for a shard that is cut off.
    """
    array = files.array
    codec, shards = _sharding(array), array.shards
    if codec is None or shards is None:
        return files.indices, files.sizes
    inside = grid_of(shards, array.chunks)
    within = np.indices(inside).reshape(len(inside), -1).T
    grid = grid_of(array.shape, array.chunks)
    indices, sizes = [np.empty((0, len(grid)), np.int64)], [np.empty(0, np.int64)]
    for number, size in enumerate(files.sizes.tolist()):
        lengths = _lengths(files.file(number), size, codec, math.prod(inside))
        at = files.indices[number] * inside + within
        stored = (lengths > 0) & (at < grid).all(axis=1)
        indices.append(at[stored])
        sizes.append(lengths[stored])
    return np.concatenate(indices), np.concatenate(sizes)


def _sharding(array: zarr.Array) -> ShardingCodec | None:
    """The array's sharding; None too where the index is stored in a way that is not read here."""
    if not array.shards:
        return None
    # An array that has shards has no codec but theirs.
    codec = cast(ShardingCodec, cast("ArrayV3Metadata", array.metadata).codecs[0])
    known = all(isinstance(step, BytesCodec | Crc32cCodec) for step in codec.index_codecs)
    return codec if known else None


def _lengths(shard: Path, size: int, codec: ShardingCodec, count: int) -> np.ndarray:
    """The lengths of a shard's chunks in bytes, in C order; 0 for those that are missing."""
    check = 4 * sum(isinstance(step, Crc32cCodec) for step in codec.index_codecs)
    length = 16 * count + check
    at_start = codec.index_location.value == "start"
    with shard.open("rb", buffering=0) as file:
        file.seek(0 if at_start else max(size - length, 0))
        content = file.read(length)
    endian = "<" if _is_little(codec.index_codecs) else ">"
    if len(content) < length:
        raise InputError(_cut_off(shard, f"{size} bytes, less than its index has"))
    index = np.frombuffer(content[: 16 * count], f"{endian}u8").reshape(count, 2)
    offsets, lengths = index.astype(np.uint64).T
    missing = (offsets == MISSING) & (lengths == MISSING)
    bad = ~missing & ((offsets > size) | (lengths > size) | (offsets + lengths > size))
    bad |= ~missing & (lengths == 0)
    if bad.any():
        raise InputError(_cut_off(shard, f"{size} bytes, and chunks beyond these by its index"))
    return np.where(missing, 0, lengths).astype(np.int64)


def _is_little(steps: Sequence) -> bool:
    endians = [step.endian for step in steps if isinstance(step, BytesCodec)]
    return not endians or endians[0] is None or endians[0].value == "little"


def _cut_off(shard: Path, found: str) -> str:
    return (
        f"{shard}: this shard of chunks is cut off or damaged: {found}. Copy or write the OME-Zarr "
        "again."
    )
