"""What a page of a TIFF file may be to be a plane of a volume."""

from pathlib import Path
from typing import NamedTuple, cast

import numpy as np
from tifffile import COMPRESSION, PHOTOMETRIC, TiffPage

from cellsift.errors import InputError
from cellsift.io.tiff_encoding import is_lossy, name_of
from cellsift.io.tiff_file import cut_off

PHOTOMETRIC_TAG = 262
GREY = {PHOTOMETRIC.MINISBLACK, PHOTOMETRIC.MINISWHITE}
# How bright red, green and blue are to the eye (ITU-R BT.601).
BRIGHTNESS = np.array([0.299, 0.587, 0.114])
# A colour table may falter by this share of its range and still be a ramp.
FALTER = 0.01


class Header(NamedTuple):
    """What all planes of a volume have in common."""

    shape: tuple[int, ...]
    dtype: np.dtype
    white_is_zero: bool


def header(page: TiffPage) -> Header:
    """Shape (y, x), type, and whether low values are the bright ones; of a page that was accepted.

    Whether voxels are really inverted only their values tell: ImageJ's inverted look-up table
    changes what is shown and not what is stored.
    """
    # A page without a type is refused.
    dtype = cast(np.dtype, page.dtype)
    return Header(page.shape, dtype.newbyteorder("="), white_is_zero(page))


def white_is_zero(page: TiffPage) -> bool:
    """Whether a tag, or a colour table that grows darker, says that low values are bright."""
    if page.photometric == PHOTOMETRIC.PALETTE:
        return _ramp(page) == -1
    # Without the tag tifffile says MINISWHITE, its number being 0.
    return page.photometric == PHOTOMETRIC.MINISWHITE and PHOTOMETRIC_TAG in page.tags


def refuse_page(page: TiffPage, what: str) -> None:
    """Refuse colours, lossy compression and numbers of a kind that cannot be read."""
    # The compression says more than the colours that come with it, so it is told first.
    if is_lossy(page):
        raise InputError(
            f"{what}: the data is compressed with lossy {name_of(page)}, which changes "
            "intensities. Export it again without compression or with a lossless one (deflate, "
            "LZW, zstd)."
        )
    table = page.samplesperpixel == 1 and page.photometric == PHOTOMETRIC.PALETTE
    if table and not page.parent.is_imagej and _ramp(page) == 0:
        raise InputError(
            f"{what}: the colour table (LUT, palette) that comes with this image does not grow "
            "brighter with the numbers of its colours, so that they are no grey values. Export "
            "the channel in grey values of 8 or 16 bits, without a colour table (in Fiji: Image > "
            "Type > 8-bit)."
        )
    if page.samplesperpixel > 1 or not (table or page.photometric in GREY):
        name = getattr(page.photometric, "name", page.photometric)
        raise InputError(
            f"{what}: this is a colour image (RGB or alike: {page.samplesperpixel} values per "
            f"pixel, {name}). Export each channel alone, in grey values of 8 or 16 bits."
        )
    if page.dtype is None:
        raise InputError(
            f"{what}: the values have {page.bitspersample} bits in sample format "
            f"{page.sampleformat}, which cannot be read. Export grey values of 8 or 16 bits."
        )
    # libtiff refuses it too; tifffile takes differences of 12 bits, say, for ones of 16.
    if page.predictor != 1 and page.bitspersample % 8:
        raise InputError(
            f"{what}: values of {page.bitspersample} bits are stored as differences (a predictor), "
            "which readers know for 8, 16 and 32 bits alone. Export it again in 16 bits, or "
            "without a predictor."
        )


def _ramp(page: TiffPage) -> int:
    """1 for a colour table that grows brighter, -1 for one that grows darker, 0 for any other."""
    # ImageJ never maps grey values to a table's colours: their numbers stay the grey values.
    if page.colormap is None:
        return 1
    brightness = BRIGHTNESS @ np.asarray(page.colormap, dtype=float)
    falter = FALTER * np.ptp(brightness)
    if (np.maximum.accumulate(brightness) - brightness).max() <= falter:
        return 1
    return -1 if (brightness - np.minimum.accumulate(brightness)).max() <= falter else 0


def refuse_unequal(what: str | Path, found: Header, wanted: Header, reference: str) -> None:
    """Refuse a plane that is not like the others."""
    if found != wanted:
        raise InputError(
            f"{what}: this plane has {_described(found)}, unlike {reference} with "
            f"{_described(wanted)}. All planes of a volume have to be alike: replace it."
        )


def _described(plane: Header) -> str:
    inverted = " in which 0 is white" if plane.white_is_zero else ""
    return f"shape (y, x) {plane.shape} and type {plane.dtype}{inverted}"


def refuse_cut_off(page: TiffPage, size: int, what: str) -> None:
    """Refuse a page whose data lies beyond the file's end, at `size` bytes; decodes nothing."""
    offsets, counts = np.asarray(page.dataoffsets), np.asarray(page.databytecounts)
    whole = len(offsets) == len(counts) > 0 and (counts > 0).all() and (offsets > 0).all()
    whole = whole and (offsets + counts <= size).all()
    if page.compression == COMPRESSION.NONE:
        whole = whole and counts.sum() >= stored_bytes(page)
    if not whole:
        raise InputError(cut_off(what))


def stored_bytes(page: TiffPage) -> int:
    """How many bytes an uncompressed page takes; values of 12 bits, say, are packed row by row."""
    row = -(-page.imagewidth * page.samplesperpixel * page.bitspersample // 8)
    return page.imagelength * page.imagedepth * row
