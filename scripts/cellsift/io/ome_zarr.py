"""Volumes in OME-Zarr (OME-NGFF 0.4 on Zarr 2 and 0.5 on Zarr 3), opened lazily at full size."""

import errno
import itertools
import math
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import dask.array as da
import numpy as np
import zarr

from cellsift.errors import InputError
from cellsift.io.units import MICROMETRES, micrometres_in

# Sizes in metadata are often rounded.
TOLERANCE = 0.01
SPATIAL = ("z", "y", "x")


@dataclass(frozen=True)
class _Level:
    """The image at full size: its array, its axes, and a voxel's size along them, if given."""

    array: zarr.Array
    axes: list[dict]
    scale: np.ndarray | None

    @property
    def names(self) -> list[str]:
        return [axis["name"] for axis in self.axes]


def open_ome_zarr(path: str, voxel_size: tuple[float, float, float]) -> da.Array:
    """Return level 0 as a lazy array (z, y, x) with the store's own chunks.

    `path` is a folder or a URL; `voxel_size` (z, y, x) in µm has to agree with the metadata.
    Raises InputError for anything but one image with axes z, y, x (others may have length 1).
    """
    level = _level_0(path)
    _refuse_axes(path, level.names, level.array.shape)
    if level.scale is not None:
        _refuse_voxel_size(path, level.axes, level.scale, voxel_size)
    kept = tuple(slice(None) if name in SPATIAL else 0 for name in level.names)
    return _watched(da.from_zarr(level.array)[kept], _presence(path, level.array))


def _watched(data: da.Array, presence: Callable[[], object]) -> da.Array:
    """The same data; after each chunk that is read, `presence` raises OSError if the store is gone.

    Zarr takes a chunk that it does not find for one of zeros, so that a share that vanishes would
    become darkness.
    """

    def present(block: np.ndarray) -> np.ndarray:
        presence()
        return block

    return data.map_blocks(present, dtype=data.dtype, meta=np.empty((0, 0, 0), data.dtype))


def _presence(path: str, array: zarr.Array) -> Callable[[], object]:
    """A function that raises OSError if the array's folder, or what a server has of it, is gone."""
    if "://" not in path:
        return (Path(path) / array.path).stat
    url, version = f"{path.rstrip('/')}/{array.path}", array.metadata.zarr_format

    def ask() -> None:
        try:
            zarr.open_array(url, mode="r", zarr_format=version)
        # A server may refuse in many ways.
        except Exception as error:
            number = getattr(error, "errno", None) or errno.ENOENT
            raise OSError(number, os.strerror(number), url) from error

    return ask


def count_chunks(path: str) -> tuple[int, int] | None:
    """How many chunk files level 0 has by its shape, and how many of them are not there.

    Absent ones read as the fill value. Writers may leave out chunks that hold nothing else, so an
    absent one need not be lost. None for a URL, where they cannot be listed.
    """
    if "://" in path:
        return None
    array = _level_0(path).array
    count = math.prod(map(len, _grid(array)))
    return count, count - sum(1 for _ in _stored_chunks(path, array))


def check_chunks(path: str) -> None:
    """Raise InputError for a chunk of level 0 whose file is cut off; decodes nothing.

    Only Blosc chunks in a folder are looked at: their decoder reads past the end of a cut file and
    returns noise, where other decoders refuse it.
    """
    level = _level_0(path)
    compressors = [type(codec).__name__ for codec in level.array.compressors]
    if "://" in path or level.array.shards or not any("Blosc" in name for name in compressors):
        return
    for file in _stored_chunks(path, level.array):
        _refuse_cut_off(file)


def _stored_chunks(path: str, array: zarr.Array) -> Iterator[Path]:
    """The array's chunk files that are there: folders are listed, no file is looked at."""
    folder, there = Path(path) / array.path, set()
    for place, _, names in os.walk(folder, onerror=_raise, followlinks=True):
        inside = Path(place).relative_to(folder)
        there.update((inside / name).as_posix() for name in names)
    for place in itertools.product(*_grid(array)):
        key = array.metadata.encode_chunk_key(place)
        if key in there:
            yield folder / key


def _grid(array: zarr.Array) -> list[range]:
    """The numbers of the files along each axis."""
    sizes = zip(array.shape, array.shards or array.chunks, strict=True)
    return [range(-(-size // chunk)) for size, chunk in sizes]


def _raise(error: OSError) -> None:
    raise error


def _refuse_cut_off(chunk: Path) -> None:
    with chunk.open("rb") as file:
        header = file.read(16)
    # The header's last four bytes are the length of the whole: github.com/Blosc/c-blosc.
    length = int.from_bytes(header[12:16], "little")
    if len(header) < 16 or chunk.stat().st_size < length:
        raise InputError(
            f"{chunk}: this chunk is cut off, {chunk.stat().st_size} of {length} bytes are there. "
            "Copy or write the OME-Zarr again."
        )


def _level_0(path: str) -> _Level:
    group = _group(path)
    try:
        multiscale = _multiscale(path, group)
        axes, dataset = _axes(path, multiscale), multiscale["datasets"][0]
        array, scale = group[dataset["path"]], _scale(multiscale, dataset)
        count = array.ndim
    except (LookupError, TypeError, ValueError, AttributeError, OSError) as error:
        raise InputError(
            f"{path}: the metadata or level 0 cannot be read as OME-Zarr 0.4 or 0.5 "
            f"({type(error).__name__}: {error}). Copy or write the OME-Zarr again."
        ) from error
    if count != len(axes) or (scale is not None and len(scale) != len(axes)):
        raise InputError(
            f"{path}: the metadata names {len(axes)} axes, the array has {count}. "
            "Write the OME-Zarr again."
        )
    return _Level(array, axes, scale)


def _group(path: str) -> zarr.Group:
    try:
        return zarr.open_group(path, mode="r")
    except Exception as error:
        raise InputError(
            f"{path}: cannot be opened as OME-Zarr ({error}). Give the folder that holds "
            ".zgroup or zarr.json of the image."
        ) from error


def _multiscale(path: str, group: zarr.Group) -> dict:
    attributes = group.attrs.asdict()
    multiscales = attributes.get("ome", attributes).get("multiscales")
    if not multiscales or not multiscales[0].get("datasets"):
        raise InputError(
            f"{path}: this Zarr has no multiscales metadata, so it is no OME-Zarr image. Give the "
            "image's own folder inside it, or convert it to OME-Zarr 0.4 or 0.5."
        )
    if len(multiscales) > 1:
        raise InputError(f"{path}: {len(multiscales)} images in one OME-Zarr. Store one alone.")
    return multiscales[0]


def _axes(path: str, multiscale: dict) -> list[dict]:
    axes = multiscale.get("axes")
    if not axes or not all(isinstance(axis, dict) and "name" in axis for axis in axes):
        raise InputError(
            f"{path}: the multiscales metadata does not name its axes as OME-Zarr 0.4 and 0.5 do. "
            "Convert it to OME-Zarr 0.4 or 0.5."
        )
    return axes


def _refuse_axes(path: str, names: list[str], shape: tuple[int, ...]) -> None:
    for name, size in zip(names, shape, strict=True):
        if name not in SPATIAL and size > 1:
            raise InputError(
                f"{path}: axis {name} has length {size}; a volume has one channel and one time "
                f"point. Write one position of {name} into an OME-Zarr of its own."
            )
    spatial = [name for name in names if name in SPATIAL]
    if spatial != list(SPATIAL):
        raise InputError(
            f"{path}: the axes are {', '.join(names)}; they have to be z, y, x in this order. "
            "Write the OME-Zarr again with these axes."
        )


def _scale(multiscale: dict, dataset: dict) -> np.ndarray | None:
    """Return the size of one voxel along each axis, in the axes' units, or None if not given."""
    transforms = dataset.get("coordinateTransformations", []) + multiscale.get(
        "coordinateTransformations", []
    )
    scales = [transform["scale"] for transform in transforms if "scale" in transform]
    return np.prod(np.asarray(scales, dtype=float), axis=0) if scales else None


def _refuse_voxel_size(
    path: str, axes: list[dict], scale: np.ndarray, voxel_size: tuple[float, float, float]
) -> None:
    spatial = [index for index, axis in enumerate(axes) if axis["name"] in SPATIAL]
    units = [axes[index].get("unit") for index in spatial]
    # Without units, a scale of ones is what writers put when they do not know the size.
    if not any(units) and np.all(scale[spatial] == 1):
        return
    factors = [micrometres_in(unit or "micrometer") for unit in units]
    if None in factors:
        raise InputError(
            f"{path}: the axes' units are {', '.join(map(str, units))}. Correct the metadata: "
            f"known are {', '.join(MICROMETRES)}."
        )
    stored = scale[spatial] * np.asarray(factors)
    if not np.allclose(stored, voxel_size, rtol=TOLERANCE, atol=0):
        raise InputError(
            f"{path}: the metadata says voxels of {_sizes(stored)} µm (z, y, x), the brains table "
            f"{_sizes(voxel_size)} µm. Correct voxel_z, voxel_y, voxel_x in the table, or the "
            "OME-Zarr's metadata."
        )


def _sizes(voxel_size: Iterable[float]) -> str:
    return ", ".join(f"{float(size):.6g}" for size in voxel_size)
