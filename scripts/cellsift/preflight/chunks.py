"""What preflight says of an OME-Zarr's metadata and of the files that its chunks are in."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from cellsift.errors import InputError
from cellsift.io.volumes import Volume, kind_of
from cellsift.io.zarr_chunks import ChunkFiles, fill_value, grid_of, refuse_lost
from cellsift.preflight.empty_files import empty_file_doubts
from cellsift.preflight.zero_blocks import zero_block_doubts, zero_plane_doubts
from cellsift.preflight.zero_chunks import zero_chunk_doubts

LEFT_OUT = (
    "That is right if the writer left out empty chunks; if not, copy or write the OME-Zarr again."
)


@dataclass(frozen=True)
class Chunks:
    """An OME-Zarr's chunk files, and the chunks in them: numbers (chunks, axes), lengths in bytes.

    Files are chunks, or shards of many chunks.
    """

    files: ChunkFiles
    indices: np.ndarray
    sizes: np.ndarray


def check_chunks(path: str) -> Chunks | None:
    """Look at the chunk files of an OME-Zarr in a folder; None for other volumes.

    Raises InputError for a file that is cut off, and for chunks that lie where they are not found.
    """
    if kind_of(path) != "ome-zarr":
        return None
    # Zarr, which takes long to load, is of no use to other volumes.
    from cellsift.io import ome_zarr
    from cellsift.io.zarr_shards import stored_chunks

    files = ome_zarr.check_chunks(str(path))
    if files is None:
        return None
    refuse_lost(files)
    return Chunks(files, *stored_chunks(files))


@contextmanager
def naming_absent_chunks(chunks: Chunks | None) -> Iterator[None]:
    """Within, a refusal tells too that chunks have no file: that may be its reason."""
    try:
        yield
    except InputError as refusal:
        if chunks is None or not chunks.files.absent:
            raise
        raise InputError(f"{refusal} That may be because {_absent(chunks.files)}.") from refusal


def chunk_doubts(
    path: str,
    volume: Volume,
    chunks: Chunks | None,
    planes: dict[int, np.ndarray],
    pages: np.ndarray | None = None,
) -> list[str]:
    """What may be wrong with a volume by its chunks, its files of planes, and its zeros.

    `planes` are some of its planes (y, x), by number, if any voxel of them is 0. `pages` are the
    lengths in bytes of a TIFF stack's pages. Returns sentences without the volume's name.
    """
    doubts = _metadata_doubts(path)
    if chunks is None:
        empty = empty_file_doubts(path, volume, pages) or zero_plane_doubts(planes, volume)
        return doubts + empty + zero_block_doubts(planes)
    files = chunks.files
    doubts += _missing_in_shards(files, len(chunks.indices)) + _beyond(files)
    zeros = _zero_chunk_doubts(path, chunks)
    zeros = zeros or zero_plane_doubts(planes, volume) + zero_block_doubts(planes)
    if files.absent:
        said = [f"{_absent(files)}. {_other_names(files)}{LEFT_OUT}", *zeros]
        return [*doubts, " Besides, ".join(said)]
    return doubts + zeros


def _metadata_doubts(path: str) -> list[str]:
    if kind_of(path) != "ome-zarr":
        return []
    from cellsift.io import ome_zarr

    return ome_zarr.metadata_doubts(str(path))


def _zero_chunk_doubts(path: str, chunks: Chunks) -> list[str]:
    from cellsift.io import ome_zarr

    axes = ome_zarr.names_of_axes(str(path))
    return zero_chunk_doubts(chunks.files.array, axes, chunks.indices, chunks.sizes)


def _absent(files: ChunkFiles) -> str:
    value = fill_value(files.array)
    return (
        f"{files.absent} of {files.count} chunks have no file and read as {value:g} everywhere"
        + ("" if value == 0 else " (fill_value in the metadata)")
    )


def _other_names(files: ChunkFiles) -> str:
    if not files.others:
        return ""
    return f"Beside the others lies {files.others[0]}, which no reader takes for a chunk. "


def _missing_in_shards(files: ChunkFiles, stored: int) -> list[str]:
    array = files.array
    if not array.shards:
        return []
    inside = np.array(array.shards) // np.array(array.chunks)
    grid = np.array(grid_of(array.shape, array.chunks))
    # Of the shards that have a file; the last ones reach beyond the array.
    ends = np.minimum((files.indices + 1) * inside, grid)
    count = int((ends - files.indices * inside).prod(axis=1).sum())
    if stored == count:
        return []
    return [
        f"the shards that are there lack {count - stored} of their {count} chunks, which read "
        f"as {fill_value(array):g} everywhere. {LEFT_OUT} Dask's to_zarr with shards is known to "
        "lose chunks when it writes with several workers."
    ]


def _beyond(files: ChunkFiles) -> list[str]:
    if not files.beyond:
        return []
    return [
        f"{len(files.beyond)} chunks lie beyond the shape {files.array.shape} that the metadata "
        f"give level 0, {files.beyond[0]} say, and are not read. If the image is larger, correct "
        f"shape in the metadata of {files.folder}; if not, delete these files."
    ]
