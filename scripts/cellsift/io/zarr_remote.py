"""Whether chunks of a Zarr array at a URL, which cannot be listed, are where metadata say."""

import fsspec
import numpy as np
import zarr

from cellsift.errors import InputError
from cellsift.io.zarr_chunks import fill_value, grid_of, name_of, remedy

# Where along every axis chunks are asked for, as shares of its length.
ASKED_FOR = (0.5, 0.3, 0.7)
WAYS = (".", "/", "c/", "c.")


def refuse_lost_at_url(url: str, array: zarr.Array) -> None:
    """Raise InputError if the server has none of a few chunks, but has one by another name."""
    grid = np.array(grid_of(array.shape, array.shards or array.chunks))
    indices = [tuple((grid * share).astype(int).tolist()) for share in ASKED_FOR]
    keys = [array.metadata.encode_chunk_key(index) for index in indices]
    if any(_is_there(url, key) for key in keys):
        return
    for way in WAYS:
        name = name_of(way, indices[0])
        if name not in keys and _is_there(url, name):
            raise InputError(
                f"{url}: the server has no chunk {keys[0]}, where the metadata look for it, so "
                f"that it would read as {fill_value(array)}, but it has {name}. "
                f"{remedy(way, array)}"
            )


def _is_there(url: str, key: str) -> bool:
    try:
        files, folder = fsspec.url_to_fs(url)
        return files.exists(f"{folder}/{key}")
    # A server may refuse in many ways; a chunk that cannot be read is told when it is.
    except Exception:
        return True
