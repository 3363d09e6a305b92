"""The size of a voxel that a TIFF file states: in OME metadata, or in ImageJ's description."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring
from tifffile import TiffFile

from cellsift.io.tiff_file import opened
from cellsift.io.units import MICROMETRES, micrometres_in
from cellsift.io.voxel_size import LARGEST_VOXEL_UM, SMALLEST_VOXEL_UM, StatedSize, other_unit

X_RESOLUTION, Y_RESOLUTION = 282, 283


def stated_voxel_size(
    path: Path, voxel_size: Sequence[float | None] = (None,) * 3
) -> StatedSize | None:
    """Return what the first page's description says of a voxel's size; None if it says nothing.

    Sizes that cannot be those of a microscope's voxel count as not stated, unless they are those of
    `voxel_size` (z, y, x) in µm, where it is known, with another unit, and so does the resolution
    in dots per inch that any TIFF may have.
    """
    with opened(path, first_page=True) as tif:
        for read, source in ((_of_ome, "OME metadata"), (_of_imagej, "ImageJ description")):
            pairs = zip(read(tif), voxel_size, strict=True)
            sizes = tuple(size if _is_meant(size, given) else None for size, given in pairs)
            if any(sizes):
                return StatedSize(sizes, source)
    return None


def _is_meant(size: float | None, given: float | None) -> bool:
    if size is None or not math.isfinite(size):
        return False
    possible = SMALLEST_VOXEL_UM <= size <= LARGEST_VOXEL_UM
    return possible or (given is not None and other_unit(size, given) is not None)


def _of_ome(tif: TiffFile) -> tuple[float | None, ...]:
    """Sizes (z, y, x) in µm of the first image's pixels."""
    if not tif.is_ome:
        return (None,) * 3
    try:
        root = fromstring(tif.ome_metadata or "")
    # tifffile opens a file whose metadata is broken as if it had none.
    except (ParseError, DefusedXmlException, ValueError):
        return (None,) * 3
    pixels = next((item for item in root.iter() if item.tag.endswith("}Pixels")), None)
    if pixels is None:
        return (None,) * 3
    given = [pixels.get(f"PhysicalSize{axis}") for axis in "ZYX"]
    units = [pixels.get(f"PhysicalSize{axis}Unit") for axis in "ZYX"]
    # Without units, ones are what writers put when they do not know the size.
    if not any(units) and all(size is None or _number(size) == 1 for size in given):
        return (None,) * 3
    return tuple(
        _in_micrometres(_number(size), unit or "um")
        for size, unit in zip(given, units, strict=True)
    )


def _of_imagej(tif: TiffFile) -> tuple[float | None, ...]:
    """Sizes (z, y, x) in µm by the unit, the spacing and the resolution that ImageJ writes."""
    described = (tif.imagej_metadata if tif.is_imagej else None) or {}
    unit = described.get("unit")
    if not isinstance(unit, str):
        return (None,) * 3
    tags = tif.pages.first.tags
    sizes = [_number(described.get("spacing"))]
    for code in (Y_RESOLUTION, X_RESOLUTION):
        pixels, length = tags.valueof(code, default=(1, 1)) or (1, 1)
        # The ratio 1 to 1 is what tifffile writes when it is not told; ImageJ's has larger numbers.
        stated = (pixels, length) != (1, 1) and pixels > 0
        sizes.append(length / pixels if stated else None)
    units = [described.get(key, unit) for key in ("zunit", "yunit", "unit")]
    return tuple(_in_micrometres(size, str(unit)) for size, unit in zip(sizes, units, strict=True))


def _number(text: Any) -> float | None:
    try:
        return float(text)
    except (TypeError, ValueError):
        return None


def _in_micrometres(size: float | None, unit: str) -> float | None:
    factor = micrometres_in(unit)
    # Inches are those of a printer.
    if size is None or factor in (None, MICROMETRES["inch"]):
        return None
    return abs(size) * factor
