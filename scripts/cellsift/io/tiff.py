"""Volumes in TIFF: planes in one file each, or a stack in one file, opened lazily."""

import logging
import struct
import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import dask.array as da
import numpy as np
from tifffile import COMPRESSION, PHOTOMETRIC, TiffFile, TiffFileError, TiffPage, TiffPageSeries

from cellsift.errors import InputError, disk_trouble

LOSSY = {COMPRESSION.OJPEG, COMPRESSION.JPEG, COMPRESSION.JPEG_LOSSY, COMPRESSION.ALT_JPEG}
GREY = {PHOTOMETRIC.MINISBLACK, PHOTOMETRIC.MINISWHITE}
# A stack whose first axis is called C and is longer than this has planes there, not channels:
# some writers of ImageJ files call the planes so.
MOST_CHANNELS = 4


def open_planes(planes: list[Path]) -> da.Array:
    """Return the planes as a lazy array (z, y, x), one chunk per plane.

    Only the first plane's header is read here. Reading a plane of another shape or type later
    raises InputError that names it.
    """
    shape, dtype = _plane_header(planes[0])

    def read(z: int) -> np.ndarray:
        return _read_plane(planes[z], shape, dtype)

    return _lazy(read, (len(planes), *shape), dtype)


def check_planes(planes: list[Path]) -> None:
    """Read every plane's header; raise InputError for the first that does not fit or is cut off.

    Planes have to be whole, grey, without lossy compression, and equal in shape and type.
    No voxel is decoded.
    """
    with ThreadPoolExecutor(4) as pool:
        headers = pool.map(_plane_header, planes)
        first = next(headers)
        for plane, header in zip(planes[1:], headers, strict=True):
            _refuse_unequal(plane, header, first, planes[0].name)


def open_stack(path: Path) -> da.Array:
    """Return the stack's first series as a lazy array (z, y, x), one chunk per plane."""
    stack = _Stack(path)
    return _lazy(stack.read, stack.shape, stack.dtype)


def check_stack(path: Path) -> None:
    """Read every page's header; raise InputError that names the first plane that is not whole.

    Pages that differ are refused too: readers take the first page's header for all.
    """
    with _opened(path) as tif:
        tif.pages.useframes = False
        first = tif.pages.first
        for z, page in enumerate(tif.pages):
            what = f"{path}: plane {z} (counted from 0)"
            _refuse_colour(page, what)
            _refuse_unequal(what, _header(page), _header(first), "the first")
            _refuse_cut_off(page, tif.filehandle.size, what)


class _Stack:
    """A stack's planes, read one by one from a file that is opened when first needed."""

    def __init__(self, path: Path):
        self.path = path
        self._lock = threading.Lock()
        self._tif: TiffFile | None = None
        with _opened(path) as tif:
            series = _only_series(path, tif)
            _refuse_colour(series.keyframe, f"{path}")
            _refuse_cut_off_series(path, tif, series)
            self.shape = _stack_shape(path, series)
            self.dtype = series.dtype.newbyteorder("=")

    def read(self, z: int) -> np.ndarray:
        with self._lock:
            try:
                if self._tif is None:
                    self._tif = TiffFile(self.path, _multifile=False)
                plane = self._tif.series[0].asarray(key=z)
            except Exception as error:
                raise InputError(_unreadable(f"{self.path}: plane {z} (from 0)", error)) from error
        return plane.reshape(self.shape[1:]).astype(self.dtype, copy=False)

    def __getstate__(self) -> dict:
        return {"path": self.path, "shape": self.shape, "dtype": self.dtype}

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


@contextmanager
def _opened(path: Path) -> Iterator[TiffFile]:
    """Open a TIFF file; whatever tifffile cannot make sense of becomes an InputError."""
    try:
        # A file of a multi-file OME-TIFF otherwise opens all the others too.
        with _heard() as complaints, TiffFile(path, _multifile=False) as tif:
            count = len(tif.pages)
            if any("invalid page offset" in complaint for complaint in complaints):
                raise InputError(_cut_off(f"{path}: plane {count} (counted from 0)"))
            yield tif
    except InputError:
        raise
    except FileNotFoundError:
        raise InputError(
            f"{path}: there is no such file. Correct the path, or check that its disk or network "
            "share is mounted."
        ) from None
    except (TiffFileError, OSError, ValueError, LookupError, struct.error) as error:
        raise InputError(_unreadable(path, error)) from error


@contextmanager
def _heard() -> Iterator[list[str]]:
    """Yield a list that gathers what tifffile logs in this thread instead of raising it."""
    complaints: list[str] = []
    thread = threading.get_ident()

    def gather(record: logging.LogRecord) -> bool:
        if record.thread == thread:
            complaints.append(record.getMessage())
        return record.thread != thread

    logger = logging.getLogger("tifffile")
    logger.addFilter(gather)
    try:
        yield complaints
    finally:
        logger.removeFilter(gather)


def _plane_header(path: Path) -> tuple[tuple[int, int], np.dtype]:
    with _opened(path) as tif:
        page = tif.pages.first
        _refuse_colour(page, f"{path}")
        # Microscopes write the shape of the whole volume into the OME metadata of each plane.
        shape = page.shape if tif.is_ome else tif.series[0].shape
        if len(tif.pages) > 1 or len(page.shape) != 2 or shape != page.shape:
            raise InputError(
                f"{path}: this file of a series of planes holds a stack itself ({len(tif.pages)} "
                f"pages, shape {shape}). Give one plane per file, or the stack's own path."
            )
        _refuse_cut_off(page, tif.filehandle.size, f"{path}")
        return _header(page)


def _read_plane(path: Path, shape: tuple[int, int], dtype: np.dtype) -> np.ndarray:
    with _opened(path) as tif:
        page = tif.pages.first
        _refuse_unequal(path, _header(page), (shape, dtype), "the first")
        try:
            plane = page.asarray()
        except Exception as error:
            raise InputError(_unreadable(path, error)) from error
        return plane.astype(dtype, copy=False)


def _header(page: TiffPage) -> tuple[tuple[int, ...], np.dtype]:
    return page.shape, page.dtype.newbyteorder("=")


def _refuse_unequal(what: str | Path, found: tuple, wanted: tuple, reference: str) -> None:
    if found != wanted:
        raise InputError(
            f"{what}: this plane has {_described(*found)}, unlike {reference} with "
            f"{_described(*wanted)}. All planes of a volume have to be alike: replace it."
        )


def _described(shape: tuple, dtype: np.dtype) -> str:
    return f"shape (y, x) {shape} and type {dtype}"


def _only_series(path: Path, tif: TiffFile) -> TiffPageSeries:
    if len(tif.series) > 1:
        first = tif.pages.first
        for z, page in enumerate(tif.pages):
            what = f"{path}: plane {z} (counted from 0)"
            _refuse_unequal(what, _header(page), _header(first), "the first")
        raise InputError(
            f"{path}: the file holds {len(tif.series)} images. Write the volume into a file alone."
        )
    return tif.series[0]


def _stack_shape(path: Path, series: TiffPageSeries) -> tuple[int, int, int]:
    """Return the series' shape without axes of length 1; refuse what is not one stack of planes."""
    long = [(axis, size) for axis, size in zip(series.axes, series.shape, strict=True) if size > 1]
    outer = [(axis, size) for axis, size in long if axis not in "YX"]
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


def _refuse_colour(page: TiffPage, what: str) -> None:
    # The compression says more than the colours that come with it, so it is told first.
    if page.compression in LOSSY:
        raise InputError(
            f"{what}: the data is compressed with lossy JPEG, which changes intensities. Export "
            "it again without compression or with a lossless one (deflate, LZW, zstd)."
        )
    if page.samplesperpixel > 1 or page.photometric not in GREY:
        name = getattr(page.photometric, "name", page.photometric)
        raise InputError(
            f"{what}: this is a colour image (RGB or alike: {page.samplesperpixel} values per "
            f"pixel, {name}). Export each channel alone, in grey values of 8 or 16 bits."
        )


def _refuse_cut_off(page: TiffPage, size: int, what: str) -> None:
    """Refuse a page whose data lies beyond the file's end; decodes nothing."""
    offsets, counts = np.asarray(page.dataoffsets), np.asarray(page.databytecounts)
    whole = len(offsets) == len(counts) > 0 and (counts > 0).all() and (offsets > 0).all()
    whole = whole and (offsets + counts <= size).all()
    if page.compression == COMPRESSION.NONE:
        whole = whole and counts.sum() >= page.size * page.dtype.itemsize
    if not whole:
        raise InputError(_cut_off(what))


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
        raise InputError(_cut_off(f"{path}: plane {whole} (counted from 0)"))


def _cut_off(what: str) -> str:
    return f"{what}: the file is cut off before this plane's end. Copy or export the file again."


def _unreadable(what: str | Path, error: Exception) -> str:
    if trouble := disk_trouble(error):
        return f"{what}: {trouble}."
    return f"{what}: cannot be read as TIFF ({error}). Copy or export the file again."
