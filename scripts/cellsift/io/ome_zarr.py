"""Volumes in OME-Zarr (OME-NGFF 0.4 on Zarr 2 and 0.5 on Zarr 3), opened lazily at full size."""

import errno
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import dask.array as da
import numpy as np
import zarr

from cellsift.errors import InputError
from cellsift.io.axes import AXES
from cellsift.io.units import MICROMETRES, micrometres_in
from cellsift.io.voxel_size import StatedSize, refuse_contradiction
from cellsift.io.zarr_chunks import ChunkFiles, grid_of, list_chunk_files, refuse_cut_off
from cellsift.io.zarr_encoding import encoding_doubts, refuse_lossy
from cellsift.io.zarr_groups import ome_attributes, open_groups, refuse_two_arrays, stale_copy
from cellsift.io.zarr_levels import refuse_larger, scale_doubts
from cellsift.io.zarr_remote import refuse_lost_at_url

# More chunks have no room in memory by their names alone.
MOST_CHUNKS = 1e8


@dataclass(frozen=True)
class _Level:
    """The image at full size: its array, its axes, and a voxel's size along them, if given.

    `root` is the path of the image's group, inside of what was given maybe.
    """

    root: str
    group: zarr.Group
    multiscale: dict
    array: zarr.Array
    axes: list[dict]
    scale: np.ndarray | None

    @property
    def names(self) -> list[str]:
        return [axis["name"] for axis in self.axes]


def open_ome_zarr(path: str, voxel_size: Sequence[float] | None) -> da.Array:
    """Return level 0 as a lazy array (z, y, x) with the store's own chunks.

    `path` is a folder or a URL; `voxel_size` (z, y, x) in µm has to agree with the metadata, unless
    it is None.
    Raises InputError for anything but one image with axes z, y, x (others may have length 1).
    """
    level = _level_0(path)
    _refuse_axes(path, level.names, level.array.shape)
    _refuse_size(path, level.array)
    refuse_larger(path, level.array, _other_levels(level))
    refuse_lossy(f"{level.root}/{level.array.path}", level.array)
    if voxel_size is not None:
        refuse_contradiction(path, _stated(path, level), voxel_size)
    kept = tuple(slice(None) if name in AXES else 0 for name in level.names)
    return _watched(da.from_zarr(level.array)[kept], _presence(level.root, level.array))


def _watched(data: da.Array, presence: Callable[[], object]) -> da.Array:
    """The same data; after each chunk that is read, `presence` raises OSError if the store is gone.

    Zarr takes a chunk that it does not find for one of zeros, so that a share that vanishes would
    become darkness.
    """

    def present(block: np.ndarray) -> np.ndarray:
        presence()
        return block

    return da.map_blocks(present, data, dtype=data.dtype, meta=np.empty((0, 0, 0), data.dtype))


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


def chunk_files(path: str) -> ChunkFiles | None:
    """The chunk files of level 0; None for a URL, where they cannot be listed."""
    if "://" in path:
        return None
    level = _level_0(path)
    return list_chunk_files(Path(level.root) / level.array.path, level.array)


def check_chunks(path: str) -> ChunkFiles | None:
    """The chunk files of level 0; raises InputError for one that is cut off.

    None for a URL, where it is only tried whether chunks have the names that are looked for.
    """
    files = chunk_files(path)
    if files is not None:
        refuse_cut_off(files)
    else:
        level = _level_0(path)
        refuse_lost_at_url(f"{level.root.rstrip('/')}/{level.array.path}", level.array)
    return files


def names_of_axes(path: str) -> list[str]:
    """The names of the axes of level 0, in their order."""
    return _level_0(path).names


def metadata_doubts(path: str) -> list[str]:
    """What may be wrong with the metadata and the encoding of the voxels, in sentences."""
    level = _level_0(path)
    stale = stale_copy(level.root, level.group, level.array)
    levels = scale_doubts(_other_levels(level), level.array.shape, level.scale)
    return ([stale] if stale else []) + levels + encoding_doubts(level.array)


def _level_0(path: str) -> _Level:
    """Level 0 by the metadata of Zarr 3, or by those of Zarr 2 if the former do not have it."""
    refusals = []
    for root, group in open_groups(path):
        try:
            level = _level_of(root, group)
        except InputError as refusal:
            refusals.append(refusal)
            continue
        if "://" not in root:
            refuse_two_arrays(f"{root}/{level.array.path}", level.array)
        return level
    raise refusals[0]


def _level_of(path: str, group: zarr.Group) -> _Level:
    try:
        multiscale = _multiscale(path, group)
        axes, dataset = _axes(path, multiscale), multiscale["datasets"][0]
        array = _array(path, group, dataset["path"])
        scale = _scale(multiscale, dataset)
        count = array.ndim
    except (LookupError, TypeError, ValueError, AttributeError, OSError) as error:
        raise InputError(
            f"{path}: the metadata or level 0 cannot be read as OME-Zarr 0.4 or 0.5 "
            f"({type(error).__name__}: {error}). Copy or write the OME-Zarr again."
        ) from error
    sizes = len(axes) if scale is None else len(scale)
    if not count == len(axes) == sizes:
        raise InputError(
            f"{path}: the metadata names {len(axes)} axes and gives sizes along {sizes}, the array "
            f"has {count}. Write the OME-Zarr again."
        )
    return _Level(path, group, multiscale, array, axes, scale)


def _array(path: str, group: zarr.Group, name: str) -> zarr.Array:
    """A level's array by its own metadata, or by the consolidated ones if it has none itself."""
    try:
        # A group in its place is refused by the first question for its shape.
        return cast(zarr.Array, group[name])
    except KeyError as missing:
        try:
            version = group.metadata.zarr_format
            group = zarr.open_group(path, mode="r", use_consolidated=True, zarr_format=version)
            return cast(zarr.Array, group[name])
        except (LookupError, ValueError):
            raise missing from None


def _other_levels(level: _Level) -> list[tuple[str, tuple[int, ...], np.ndarray | None]]:
    """Path, shape and scale of the levels after the first, as far as they are there."""
    found = []
    for dataset in level.multiscale["datasets"][1:]:
        try:
            array = level.group[dataset["path"]]
            if isinstance(array, zarr.Array):
                found.append((dataset["path"], array.shape, _scale(level.multiscale, dataset)))
        # Nothing but level 0 is used.
        except (LookupError, TypeError, ValueError, AttributeError, OSError):
            continue
    return found


def _multiscale(path: str, group: zarr.Group) -> dict:
    multiscales = ome_attributes(group).get("multiscales")
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
        if name not in AXES and size > 1:
            raise InputError(
                f"{path}: axis {name} has length {size}; a volume has one channel and one time "
                f"point. Write one position of {name} into an OME-Zarr of its own."
            )
    spatial = [name for name in names if name in AXES]
    if spatial != AXES:
        raise InputError(
            f"{path}: the axes are {', '.join(names)}; they have to be z, y, x in this order. "
            "Write the OME-Zarr again with these axes."
        )


def _refuse_size(path: str, array: zarr.Array) -> None:
    chunks = math.prod(grid_of(array.shape, array.chunks))
    if 0 < chunks < MOST_CHUNKS:
        return
    raise InputError(
        f"{path}: by its metadata, level 0 has shape {array.shape} and {chunks:.3g} chunks of "
        f"{array.chunks}, which no brain has. Correct the metadata, or write the OME-Zarr again."
    )


def _scale(multiscale: dict, dataset: dict) -> np.ndarray | None:
    """Return the size of one voxel along each axis, in the axes' units, or None if not given."""
    scales = [
        transform["scale"]
        for described in (dataset, multiscale)
        for transform in described.get("coordinateTransformations") or ()
        if "scale" in transform
    ]
    return np.prod(np.asarray(scales, dtype=float), axis=0) if scales else None


def stated_voxel_size(path: str) -> StatedSize | None:
    """What the metadata say of the size of a voxel of level 0; None if nothing.

    Raises InputError for what is no OME-Zarr of one image, and for units that are not known.
    """
    return _stated(path, _level_0(path))


def _stated(path: str, level: _Level) -> StatedSize | None:
    if level.scale is None:
        return None
    spatial = [index for index, axis in enumerate(level.axes) if axis["name"] in AXES]
    scale, units = level.scale[spatial], [level.axes[index].get("unit") for index in spatial]
    # Without units, a scale of ones is what writers put when they do not know the size.
    if not any(units) and np.all(scale == 1):
        return None
    factors = [micrometres_in(unit or "micrometer") for unit in units]
    if None in factors:
        raise InputError(
            f"{path}: the axes' units are {', '.join(map(str, units))}. Correct the metadata: "
            f"known are {', '.join(MICROMETRES)}."
        )
    return StatedSize(tuple((scale * np.asarray(factors)).tolist()), "OME-Zarr's metadata")
