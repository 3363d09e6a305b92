"""Volumes of voxels, opened lazily whatever file they come in."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import dask.array as da
import numpy as np

from cellsift.errors import InputError, disk_trouble
from cellsift.io import tiff
from cellsift.io.axes import Shape, Size, per_axis
from cellsift.io.paths import hint
from cellsift.io.plane_names import STACK_SUFFIXES, planes_of_folder, planes_of_list
from cellsift.io.tiff_voxel_size import stated_voxel_size
from cellsift.io.voxel_size import StatedSize, refuse_contradiction

# Zarr takes long to load: what reads an OME-Zarr is imported where a volume is one.


@dataclass(frozen=True, eq=False)
class Volume:
    """One channel of a brain: `data` is a lazy array (z, y, x) of uint8 or uint16.

    `voxel_size` is (z, y, x) in µm; `source` is the path or URL that was opened.
    """

    data: da.Array
    voxel_size: Size
    source: str

    @property
    def shape(self) -> Shape:
        return self.data.shape

    @property
    def dtype(self) -> np.dtype:
        return self.data.dtype

    def planes(self, start: int, stop: int) -> np.ndarray:
        """Read the planes from `start` up to but without `stop`, as an array (z, y, x).

        Raises InputError for a file that turns out to be damaged, or can no longer be reached; it
        names the first such plane, or the planes of the chunk that it is in.
        """
        with naming_bad_planes(self.data, self.source, start, stop):
            return self.data[start:stop].compute()


@contextmanager
def naming_bad_planes(
    data: da.Array, source: str, start: int = 0, stop: int | None = None
) -> Iterator[None]:
    """Within, an error of reading planes `start` to `stop` - 1 of `data` becomes an InputError.

    It names `source` and the first planes that cannot be read, which are looked for one chunk along
    z after the other.
    """
    try:
        yield
    except (InputError, MemoryError):
        raise
    # What a library raises for damaged data may be anything.
    except Exception as problem:
        stop = data.shape[0] if stop is None else stop
        found = _first_bad_planes(data, start, stop) or (start, stop, problem)
        first, last, error = found[0], found[1] - 1, found[2]
        planes = f"plane {first}" if first == last else f"planes {first} to {last}"
        trouble = disk_trouble(error)
        raise InputError(
            f"{source}: {planes} (counted from 0): "
            + (trouble or f"cannot be read ({error}). Copy or export the volume again")
            + "."
        ) from error


def _first_bad_planes(data: da.Array, start: int, stop: int) -> tuple[int, int, Exception] | None:
    """Where the first chunk along z that cannot be read begins and ends, and why."""
    ends = np.cumsum(data.chunks[0])
    for depth, end in zip(data.chunks[0], ends.tolist(), strict=True):
        if end > start and end - depth < stop:
            try:
                # Of every voxel of the chunks, held one chunk at a time.
                data[end - depth : end].max().compute()
            except (InputError, MemoryError):
                raise
            except Exception as error:
                return end - depth, end, error
    return None


def open_volume(
    path: str | Path,
    voxel_size: Sequence[float],
    intensity_range: Sequence[float] | None = None,
    voxel_size_in_files: Literal["check", "ignore"] = "check",
) -> Volume:
    """Return the volume at `path`, opened lazily.

    `path` is a folder of TIFF planes, a TIFF stack, a text file that lists planes, or an OME-Zarr
    (folder or URL). `voxel_size` is (z, y, x) in µm. Voxels of uint8 and uint16 stay as they are;
    other numbers need `intensity_range` (low, high), which is mapped linearly to 0 to 65535,
    clipped. Raises InputError for what cannot be opened, and for a file that states another size
    of voxels, unless `voxel_size_in_files` is "ignore"; `preflight` looks deeper.
    """
    data = open_voxels(path, voxel_size if voxel_size_in_files == "check" else None)
    if data.dtype not in (np.uint8, np.uint16):
        data = _to_uint16(data, str(path), intensity_range)
    return Volume(data, per_axis(float(size) for size in voxel_size), str(path))


def open_voxels(path: str | Path, voxel_size: Sequence[float] | None = None) -> da.Array:
    """Return the voxels as they are stored, lazily, (z, y, x), of any type.

    A `voxel_size` (z, y, x) in µm is compared with the one that the file states, if it does.
    """
    kind = kind_of(path)
    if kind == "ome-zarr":
        from cellsift.io import ome_zarr

        data = ome_zarr.open_ome_zarr(str(path), voxel_size)
        return data.astype(data.dtype.newbyteorder("="))
    planes = [Path(path)] if kind == "stack" else list_planes(path)
    data = tiff.open_stack(planes[0]) if kind == "stack" else tiff.open_planes(planes)
    if voxel_size is not None:
        refuse_contradiction(str(path), stated_voxel_size(planes[0], voxel_size), voxel_size)
    return data


def stated_size(path: str | Path) -> StatedSize | None:
    """What the volume's own metadata say of the size of its voxels; None if nothing.

    It is read in the first plane, or in an OME-Zarr's attributes. Raises InputError for what is no
    volume.

    Example:
        stated_size("brain.ome.zarr")  # StatedSize((5.0, 2.0, 2.0), "OME-Zarr's metadata")
    """
    first = first_tiff(path)
    if first is not None:
        return stated_voxel_size(first)
    from cellsift.io import ome_zarr

    return ome_zarr.stated_voxel_size(str(path))


def check_files(path: str | Path) -> np.ndarray | None:
    """Look at all files of the volume without decoding them; raise InputError for a bad one.

    That is the header of every TIFF plane, and the length of an OME-Zarr's chunks. Returns how many
    bytes the data of each of a stack's pages take, None for other volumes.
    """
    kind = kind_of(path)
    if kind == "ome-zarr":
        from cellsift.io import ome_zarr

        ome_zarr.check_chunks(str(path))
    elif kind == "stack":
        return tiff.check_stack(Path(path))
    else:
        tiff.check_planes(list_planes(path))
    return None


def count_chunks(path: str | Path) -> tuple[int, int] | None:
    """How many files of chunks an OME-Zarr's folder should hold, and how many of them it does not.

    None for other volumes, and for an OME-Zarr at a URL.
    """
    if kind_of(path) != "ome-zarr":
        return None
    from cellsift.io import ome_zarr

    files = ome_zarr.chunk_files(str(path))
    return None if files is None else (files.count, files.absent)


def first_tiff(path: str | Path) -> Path | None:
    """The stack, or the file of the first plane; None for an OME-Zarr."""
    kind = kind_of(path)
    if kind == "ome-zarr":
        return None
    return Path(path) if kind == "stack" else list_planes(path)[0]


def list_planes(path: str | Path) -> list[Path]:
    """Return the files of a folder or a text list of planes, in the order of z."""
    path = Path(path)
    return planes_of_folder(path) if path.is_dir() else planes_of_list(path)


def kind_of(path: str | Path) -> str:
    """Return what a path holds: "planes", "stack", "list" or "ome-zarr"."""
    if str(path).startswith("file:/") and str(path).lower().endswith((*STACK_SUFFIXES, ".txt")):
        raise InputError(f"{path}: no file is opened by such an address.{hint(path)}")
    if "://" in str(path):
        return "ome-zarr"
    path = Path(path)
    if path.is_dir():
        marks = (".zgroup", ".zattrs", ".zarray", "zarr.json")
        return "ome-zarr" if any((path / mark).exists() for mark in marks) else "planes"
    if not path.exists():
        raise InputError(
            f"{path}: there is no such file or folder. Correct the path, or check that its disk or "
            f"network share is mounted.{hint(path)}"
        )
    if path.suffix.lower() in STACK_SUFFIXES:
        return "stack"
    if path.suffix.lower() == ".txt":
        return "list"
    raise InputError(
        f"{path}: {path.suffix or 'a file without a suffix'} is not a known kind of volume. Give a "
        "folder of TIFF planes, a TIFF stack (.tif, .tiff), a text file that lists planes (.txt), "
        "or an OME-Zarr."
    )


def _to_uint16(data: da.Array, source: str, intensity_range: Sequence[float] | None) -> da.Array:
    if data.dtype.kind not in "iuf":
        raise InputError(
            f"{source}: the voxels are of type {data.dtype}. Export grey values of 8 or 16 bits."
        )
    if intensity_range is None:
        raise InputError(
            f"{source}: the voxels are of type {data.dtype}, of which 0 and full intensity are not "
            "known. Set intensity_range: [low, high] for the brain in the config (the intensities "
            "that become 0 and 65535), or export unsigned integers of 8 or 16 bits."
        )
    low, high = (float(bound) for bound in intensity_range)
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise InputError(
            f"{source}: intensity_range is [{low:g}, {high:g}]. Give two numbers, low before high."
        )
    precise = np.result_type(data.dtype, np.float32)

    def scaled(block: np.ndarray) -> np.ndarray:
        values = block.astype(precise)
        if not np.isfinite(values).all():
            raise InputError(f"{source}: voxels are NaN or infinite. Replace them, by 0 say.")
        np.clip(values, low, high, out=values)
        values -= low
        values *= 65535 / (high - low)
        return np.rint(values, out=values).astype(np.uint16)

    return da.map_blocks(scaled, data, dtype=np.uint16, meta=np.empty((0, 0, 0), np.uint16))
