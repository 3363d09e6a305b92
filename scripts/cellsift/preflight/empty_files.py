"""TIFF planes of nothing but zeros between others, found by few bytes of each file.

Microscopes and copies that set the room aside first leave such planes where they broke off.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cellsift.io.volumes import Volume, kind_of, list_planes

# Bytes that are read of an uncompressed plane, at each of some places.
PEEK, PLACES = 64, (0.35, 0.45, 0.55, 0.65)
# A compressed plane of zeros is shorter than this share of the median file.
OF_MEDIAN = 0.1
# Planes that are decoded to be sure.
MOST_DECODED = 3
# A plane with an image has more voxels that are not 0 than this.
FULL = 0.05


def empty_file_doubts(path: str, volume: Volume) -> list[str]:
    """Tell of files of planes in a folder or list that hold zeros alone, between others.

    Of no file more is read than a few bytes, but for a handful that look empty.
    """
    if kind_of(path) not in ("planes", "list"):
        return []
    files = list_planes(path)
    looks_empty = _look_empty(files, volume)
    lit = np.flatnonzero(~looks_empty)
    if not len(lit):
        return []
    between = [z for z in np.flatnonzero(looks_empty).tolist() if lit[0] < z < lit[-1]]
    for z in between[:MOST_DECODED]:
        after = int(lit[np.searchsorted(lit, z)])
        if _share_lit(volume, z) == 0 and _share_lit(volume, after) > FULL:
            return [
                f"plane {z} (counted from 0), {files[z].name}, is nothing but zeros, and planes "
                f"before and after it are not; {len(between)} of the {len(files)} planes look so. "
                "If they were never written, copy or export these planes again."
            ]
    return []


def _look_empty(files: Sequence[Path], volume: Volume) -> np.ndarray:
    """Which planes are all zeros as far as lengths or a few bytes of the files tell."""
    sizes = np.array([file.stat().st_size for file in files])
    plain = np.prod(volume.shape[1:]) * volume.dtype.itemsize
    if np.median(sizes) < plain:
        return sizes < OF_MEDIAN * np.median(sizes)
    return np.array([_is_zero_inside(file, size) for file, size in zip(files, sizes, strict=True)])


def _is_zero_inside(file: Path, size: int) -> bool:
    with file.open("rb", buffering=0) as opened:
        for place in PLACES:
            opened.seek(int(place * size))
            if any(opened.read(PEEK)):
                return False
    return True


def _share_lit(volume: Volume, z: int) -> float:
    plane = volume.planes(z, z + 1)
    return float(np.count_nonzero(plane) / plane.size)
