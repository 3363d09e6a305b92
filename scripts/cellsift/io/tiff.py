"""Volumes in TIFF: planes in one file each, or a stack in one file, opened lazily."""

import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import cast

import dask.array as da
import numpy as np
from tifffile import TiffFile, TiffPage, TiffPageSeries

from cellsift.errors import InputError
from cellsift.io.tiff_file import cut_off, opened, unreadable
from cellsift.io.tiff_pages import (
    Header,
    header,
    refuse_cut_off,
    refuse_page,
    refuse_unequal,
)
from cellsift.io.tiff_run import Run, planes_described, run_of

# A stack whose first axis is called C and is longer than this has planes there, not channels:
# some writers of ImageJ files call the planes so.
MOST_CHANNELS = 4


def open_planes(planes: list[Path]) -> da.Array:
    """Return the planes as a lazy array (z, y, x), one chunk per plane.

    Only the first plane's header is read here. Reading a plane of another shape or type later
    raises InputError that names it.
    """
    first = _plane_header(planes[0])

    def read(z: int) -> np.ndarray:
        return _read_plane(planes[z], first)

    return _lazy(read, (len(planes), *first.shape), first.dtype)


def check_planes(planes: list[Path]) -> None:
    """Read every plane's header; raise InputError for the first that does not fit or is cut off.

    Planes have to be whole, grey, without lossy compression, and equal in shape and type.
    No voxel is decoded.
    """
    with ThreadPoolExecutor(4) as pool:
        headers = pool.map(_plane_header, planes)
        first = next(headers)
        for plane, found in zip(planes[1:], headers, strict=True):
            refuse_unequal(plane, found, first, planes[0].name)


def open_stack(path: Path) -> da.Array:
    """Return the stack's first series as a lazy array (z, y, x), one chunk per plane."""
    stack = _Stack(path)
    return _lazy(stack.read, stack.shape, stack.dtype)


def check_stack(path: Path) -> np.ndarray:
    """Read every page's header; raise InputError that names the first plane that is not whole.

    Pages that differ are refused too: readers take the first page's header for all. Returns how
    many bytes each page's data take in the file.
    """
    sizes = []
    with opened(path) as tif:
        tif.pages.useframes = False
        first = header(tif.pages.first)
        for z, page in enumerate(_pages(tif)):
            what = f"{path}: plane {z} (counted from 0)"
            refuse_page(page, what)
            refuse_unequal(what, header(page), first, "the first")
            refuse_cut_off(page, tif.filehandle.size, what)
            sizes.append(sum(page.databytecounts))
    return np.array(sizes, dtype=np.int64)


def _pages(tif: TiffFile) -> Iterator[TiffPage]:
    """All pages; a frame, which tifffile may give instead, has what its page has."""
    return cast(Iterator[TiffPage], iter(tif.pages))


class _Stack:
    """A stack's planes, read one by one from a file that is opened when first needed."""

    def __init__(self, path: Path):
        self.path = path
        self._lock = threading.Lock()
        self._tif: TiffFile | None = None
        with opened(path) as tif:
            refuse_page(tif.pages.first, f"{path}")
            self.run = run_of(path, tif)
            series = _only_series(path, tif)
            refuse_page(series.keyframe, f"{path}")
            self.shape = _stack_shape(path, series, self.run)
            if self.run is None:
                _refuse_other_count(path, tif)
                _refuse_cut_off_series(path, tif, series)
            self.dtype = series.dtype.newbyteorder("=")

    def read(self, z: int) -> np.ndarray:
        with self._lock:
            try:
                plane = self._stored(z)
            except InputError:
                raise
            except Exception as error:
                raise InputError(unreadable(f"{self.path}: plane {z} (from 0)", error)) from error
        return plane.reshape(self.shape[1:]).astype(self.dtype, copy=False)

    def _stored(self, z: int) -> np.ndarray:
        if self.run is not None:
            return self.run.read(self.path, z)
        if self._tif is None:
            self._tif = TiffFile(self.path, _multifile=False)
        return self._tif.series[0].asarray(key=z)

    def __getstate__(self) -> dict:
        return {key: getattr(self, key) for key in ("path", "shape", "dtype", "run")}

    def __setstate__(self, state: dict) -> None:
        self.__dict__.update(state, _lock=threading.Lock(), _tif=None)


def _lazy(read: Callable[[int], np.ndarray], shape: tuple, dtype: np.dtype) -> da.Array:
    def read_block(block_id: tuple[int, int, int]) -> np.ndarray:
        return read(block_id[0])[np.newaxis]

    return da.map_blocks(
        read_block,
        chunks=((1,) * shape[0], (shape[1],), (shape[2],)),
        dtype=dtype,
        meta=np.empty((0, 0, 0), dtype),
        name=f"tiff-{uuid.uuid4().hex}",
    )


def _plane_header(path: Path) -> Header:
    with opened(path) as tif:
        page = tif.pages.first
        refuse_page(page, f"{path}")
        # Microscopes write the shape of the whole volume into the OME metadata of each plane.
        shape = page.shape if tif.is_ome else tif.series[0].shape
        if len(tif.pages) > 1 or len(page.shape) != 2 or shape != page.shape:
            raise InputError(
                f"{path}: this file of a series of planes holds a stack itself ({len(tif.pages)} "
                f"pages, shape {shape}). Give one plane per file, or the stack's own path."
            )
        refuse_cut_off(page, tif.filehandle.size, f"{path}")
        return header(page)


def _read_plane(path: Path, wanted: Header) -> np.ndarray:
    with opened(path) as tif:
        page = tif.pages.first
        refuse_unequal(path, header(page), wanted, "the first")
        try:
            plane = page.asarray()
        except Exception as error:
            raise InputError(unreadable(path, error)) from error
        return plane.astype(wanted.dtype, copy=False)


def _only_series(path: Path, tif: TiffFile) -> TiffPageSeries:
    if len(tif.series) > 1:
        first = tif.pages.first
        for z, page in enumerate(_pages(tif)):
            what = f"{path}: plane {z} (counted from 0)"
            refuse_unequal(what, header(page), header(first), "the first")
        raise InputError(
            f"{path}: the file holds {len(tif.series)} images. Write the volume into a file alone."
        )
    return tif.series[0]


def _stack_shape(path: Path, series: TiffPageSeries, run: Run | None) -> tuple[int, ...]:
    """Return the series' shape without axes of length 1; refuse what is not one stack of planes."""
    long = [(axis, size) for axis, size in zip(series.axes, series.shape, strict=True) if size > 1]
    outer = [(axis, size) for axis, size in long if axis not in "YX"]
    if run is not None and not outer:
        # Old versions of ImageJ give the number of images alone, which tifffile passes over.
        outer = [("Z", run.count)]
    described = f"shape {series.shape} with axes {series.axes}"
    if not outer:
        raise InputError(
            f"{path}: not 3D: the file holds a single plane, {described}. Give the folder of all "
            "planes, or a stack of planes."
        )
    if len(outer) > 1 or (outer[0][0] == "C" and outer[0][1] <= MOST_CHANNELS):
        raise InputError(
            f"{path}: not 3D: the file has {described}. Write one channel and one time point into "
            "a stack with axes z, y, x."
        )
    return (outer[0][1], *series.keyframe.shape)


def _refuse_other_count(path: Path, tif: TiffFile) -> None:
    """Refuse a file whose description names more planes, or fewer, than it holds."""
    described, held = planes_described(path, tif), len(tif.pages)
    # Planes of an OME-TIFF that are not in it are told by their number.
    absent = tif.is_ome and described > held
    if described != held and not absent:
        raise InputError(
            f"{path}: the file's description names {described} planes, but {held} are in it. "
            "Export the file again (in Fiji: open it, look whether all planes are there, and "
            "save it as TIFF)."
        )


def _refuse_cut_off_series(path: Path, tif: TiffFile, series: TiffPageSeries) -> None:
    """Refuse a series of which the file, by its own metadata, does not hold every plane."""
    pages = list(series.pages)
    if None in pages:
        raise InputError(
            f"{path}: the file's metadata names {len(pages)} planes, but plane {pages.index(None)} "
            "(counted from 0) is not in it. Export the file again, or, if every plane has its own "
            "file, give their folder."
        )
    if series.dataoffset is None:
        return
    size = tif.filehandle.size
    if series.dataoffset + series.nbytes > size:
        whole = (size - series.dataoffset) // (series.keyframe.size * series.dtype.itemsize)
        raise InputError(cut_off(f"{path}: plane {whole} (counted from 0)"))
