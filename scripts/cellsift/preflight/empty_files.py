"""TIFF planes of nothing but zeros between others, found by few bytes of each file.

Microscopes and copies that set the room aside first leave such planes where they broke off.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np

from cellsift.io.volumes import Volume, kind_of, list_planes

# Bytes that are read of an uncompressed plane, and where, as long as they are all 0.
PEEK, PLACES = 64, (0.5, 0.35, 0.45, 0.65)
# More planes are looked at in steps: each peek may be a movement of a disk's head.
MOST_PEEKS = 250
# A compressed plane of zeros is shorter than this share of the median file.
OF_MEDIAN = 0.1
# A stack without compression is not larger than its planes by more than this factor.
MOST_HEADERS = 1.2
# Planes that are decoded to be sure.
MOST_DECODED = 3
# A plane with an image has more voxels that are not 0 than this.
FULL = 0.05


def empty_file_doubts(path: str, volume: Volume, pages: np.ndarray | None) -> list[str]:
    """Tell of planes in a folder, list or stack that hold zeros alone, between others.

    Of no plane more is read than a few bytes, but for a handful that look empty. `pages` are the
    lengths in bytes of the pages of a stack.
    """
    kind = kind_of(path)
    if kind == "ome-zarr":
        return []
    if kind == "stack":
        names, looks_empty = None, _look_empty_in_stack(Path(path), volume, pages)
    else:
        files = list_planes(path)
        names, looks_empty = [f", {file.name}," for file in files], _look_empty(files, volume)
    lit = np.flatnonzero(~looks_empty)
    if not len(lit):
        return []
    between = [z for z in np.flatnonzero(looks_empty).tolist() if lit[0] < z < lit[-1]]
    for z in between[:MOST_DECODED]:
        after = int(lit[np.searchsorted(lit, z)])
        if _share_lit(volume, z) == 0 and _share_lit(volume, after) > FULL:
            return [
                f"plane {z} (counted from 0){names[z] if names else ''} is nothing but zeros, and "
                f"planes before and after it are not; {len(between)} of the {volume.shape[0]} "
                "planes look so. If they were never written, copy or export these planes again."
            ]
    return []


def _look_empty(files: Sequence[Path], volume: Volume) -> np.ndarray:
    """Which planes are all zeros as far as lengths or a few bytes of the files tell."""
    sizes = np.array([file.stat().st_size for file in files])
    if np.median(sizes) < _plain_size(volume):
        return sizes < OF_MEDIAN * np.median(sizes)

    def is_zero(z: int) -> bool:
        with files[z].open("rb", buffering=0) as opened:
            return _is_zero_inside(opened, 0, int(sizes[z]))

    return _in_steps(is_zero, len(files))


def _look_empty_in_stack(stack: Path, volume: Volume, pages: np.ndarray | None) -> np.ndarray:
    """The same for the planes of one file, which lie there one after the other.

    Headers take so little room that a plane's middle is where it would be without them.
    """
    planes, size = volume.shape[0], stack.stat().st_size
    # There is one page alone where all planes lie behind it.
    if pages is not None and len(pages) == planes and np.median(pages) < _plain_size(volume):
        return pages < OF_MEDIAN * np.median(pages)
    plain = planes * _plain_size(volume)
    if not plain <= size < MOST_HEADERS * plain:
        return np.zeros(planes, bool)
    stride = size / planes
    with stack.open("rb", buffering=0) as opened:
        return _in_steps(lambda z: _is_zero_inside(opened, z * stride, stride), planes)


def _in_steps(is_zero: Callable[[int], bool], planes: int) -> np.ndarray:
    """Which planes are zero; of many planes, those next to one that is zero where it is asked."""
    step = -(-planes // MOST_PEEKS)
    empty = np.zeros(planes, bool)
    for z in range(0, planes, step):
        if is_zero(z):
            near = range(max(z - step + 1, 0), min(z + step, planes))
            empty[near.start : near.stop] = [is_zero(other) for other in near]
    return empty


def _plain_size(volume: Volume) -> int:
    return volume.shape[1] * volume.shape[2] * volume.dtype.itemsize


def _is_zero_inside(file: BinaryIO, start: float, size: float) -> bool:
    for place in PLACES:
        file.seek(int(start + place * size))
        if any(file.read(PEEK)):
            return False
    return True


def _share_lit(volume: Volume, z: int) -> float:
    plane = volume.planes(z, z + 1)
    return float(np.count_nonzero(plane) / plane.size)
