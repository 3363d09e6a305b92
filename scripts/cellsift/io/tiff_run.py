"""Planes that lie one behind the other after a TIFF file's only directory.

ImageJ writes stacks above 4 GB so, MetaMorph all of its stacks, tifffile those that it truncates.
"""

from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np
from tifffile import TiffFile, TiffPage

from cellsift.errors import InputError
from cellsift.io.tiff_file import cut_off
from cellsift.io.tiff_pages import stored_bytes

DIMENSIONS = ("frames", "slices", "channels")


@dataclass(frozen=True)
class Run:
    """Planes of shape (y, x) and, in the file, of `dtype` from byte `offset` on; `count` of them.

    `held` is how many planes' bytes there are from `offset` to the file's end.
    """

    offset: int
    count: int
    held: int
    shape: tuple[int, int]
    dtype: np.dtype

    def read(self, path: Path, z: int) -> np.ndarray:
        """Return plane z (y, x), from its own bytes alone."""
        size = prod(self.shape)
        offset = self.offset + z * size * self.dtype.itemsize
        plane = np.fromfile(path, self.dtype, count=size, offset=offset)
        if plane.size < size:
            raise InputError(cut_off(f"{path}: plane {z} (counted from 0)"))
        return plane.reshape(self.shape)


def run_of(path: Path, tif: TiffFile) -> Run | None:
    """Return the planes behind the file's only directory, or None where there are not several.

    Raises InputError that names the first plane that the file does not hold to its end.
    """
    if tif.pages.is_multipage or tif.is_ome or not (tif.is_imagej or tif.is_shaped or tif.is_stk):
        return None
    page, count = tif.pages.first, planes_described(path, tif)
    if count == 1 or len(page.shape) != 2 or not page.is_final or not _in_one_piece(page):
        return None
    offset = int(page.dataoffsets[0])
    held = (tif.filehandle.size - offset) // page.nbytes
    if held < count:
        raise InputError(cut_off(f"{path}: plane {held} (counted from 0)"))
    # A page with bytes has a type.
    assert page.dtype is not None
    return Run(offset, count, held, page.shape, page.dtype.newbyteorder(tif.byteorder))


def planes_described(path: Path, tif: TiffFile) -> int:
    """How many planes the file's description names, or tifffile makes of it.

    Raises InputError for one of ImageJ whose numbers contradict each other.
    """
    if tif.is_ome or not tif.is_imagej:
        series = tif.series[0]
        return max(1, series.size // max(1, series.keyframe.size))
    described = tif.imagej_metadata or {}
    named = {key: described[key] for key in DIMENSIONS if described.get(key, 1) != 1}
    images = described.get("images", prod(named.values()))
    if named and images != prod(named.values()):
        raise InputError(
            f"{path}: ImageJ's description contradicts itself: {images} images, but "
            f"{', '.join(f'{count} {key}' for key, count in named.items())}. Open the file in "
            "Fiji, correct Image > Properties, and save it again."
        )
    return images


def _in_one_piece(page: TiffPage) -> bool:
    """Whether the page's strips follow each other, as tifffile takes for granted in STK files."""
    offsets, counts = np.asarray(page.dataoffsets), np.asarray(page.databytecounts)
    return bool(
        (offsets[1:] == offsets[:-1] + counts[:-1]).all() and counts.sum() >= stored_bytes(page)
    )
