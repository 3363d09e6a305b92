"""Rectangles of exact zeros within tissue, in the few planes that preflight looks at.

Writers that lose blocks leave them as zeros with straight, sharp edges. What is masked out, or
empty after a background was subtracted, has other outlines.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from cellsift.io.volumes import Volume

# A lost block is found if a tile of this many voxels each way lies in it.
LARGEST_TILE, SMALLEST_TILE = 32, 8
TILES_ACROSS = 8
# Edge of a lost block: more of the voxels right outside are not 0 than this.
SHARP = 0.5
# Bands along the border that are narrower, as shares of the plane, are left where sections are
# aligned with each other.
WIDE = 0.1
# Seeds that are followed in a plane; more tell nothing new.
MOST_SEEDS = 50
# A plane with an image has more voxels that are not 0 than this.
FULL = 0.05
# One that is not masked has more than this: a camera's background is not 0.
UNMASKED = 0.9

# How many rows or columns lie beyond a side of a block, and the voxels (y, x) beside it.
Side = tuple[int, tuple[int | slice, int | slice]]


@dataclass(frozen=True)
class Rectangle:
    """Voxels that are all 0: planes of z alone, y and x from `start` up to but without `stop`."""

    z: int
    y: tuple[int, int]
    x: tuple[int, int]

    @property
    def voxels(self) -> int:
        return (self.y[1] - self.y[0]) * (self.x[1] - self.x[0])

    @property
    def slices(self) -> tuple[slice, slice]:
        return slice(*self.y), slice(*self.x)


def zero_block_doubts(planes: dict[int, np.ndarray]) -> list[str]:
    """Tell of rectangles of zeros within tissue in `planes` (y, x), which are given by number."""
    found = [block for z in planes for block in _lost(z, planes)]
    if not found:
        return []
    share = sum(block.voxels for block in found) / sum(plane.size for plane in planes.values())
    first = found[0]
    return [
        f"{len(found)} blocks of exact zeros lie within the tissue, {share:.1%} of the voxels "
        f"in the {len(planes)} planes looked at; the first is in plane {first.z} (counted from "
        f"0), y {first.y[0]} to {first.y[1] - 1}, x {first.x[0]} to {first.x[1] - 1}. Their "
        "edges are straight, as of blocks (chunks, tiles) that a writer lost. If they were not "
        "blanked on purpose, copy or write the volume again."
    ]


def zero_plane_doubts(planes: dict[int, np.ndarray], volume: Volume) -> list[str]:
    """Tell of a volume's `planes` (y, x) of nothing but zeros between others, or at the end."""
    empty = _empty_planes(planes)
    if not empty:
        return _broken_off(planes, volume)
    return [
        f"plane {empty[0]} (counted from 0) is nothing but zeros, and planes before and after "
        f"it are not; so are {len(empty)} of the {len(planes)} planes looked at. If these "
        "planes were never written, copy or write the volume again."
    ]


def _broken_off(planes: dict[int, np.ndarray], volume: Volume) -> list[str]:
    """Tell of planes that end in zeros after some that are lit all over.

    Tissue that is masked tapers before it ends, and room that is added to a volume is added at its
    beginning too.
    """
    numbers = sorted(planes)
    lit = [z for z in numbers if planes[z].any()]
    if (
        not lit
        or lit[0] != numbers[0]
        or lit[-1] == numbers[-1]
        or _lit(planes[lit[-1]]) < UNMASKED
        or not volume.planes(0, 1).any()
    ):
        return []
    first = numbers[numbers.index(lit[-1]) + 1]
    return [
        f"plane {first} (counted from 0) is nothing but zeros, as are all planes after it that "
        f"were looked at, while plane {lit[-1]} has an image all over. If the microscope or a copy "
        "broke off there, copy or write the volume again."
    ]


def _empty_planes(planes: dict[int, np.ndarray]) -> list[int]:
    dark = [z for z, plane in planes.items() if not plane.any()]
    # Planes with an image, and not single lit voxels.
    full = [z for z, plane in planes.items() if z not in dark and _lit(plane) > FULL]
    return [z for z in dark if full and full[0] < z < full[-1]]


def _lost(z: int, planes: dict[int, np.ndarray]) -> Iterator[Rectangle]:
    """The rectangles of a plane that have sharp edges all around.

    Edges at the plane's own border say nothing: there, the same place has to be lit elsewhere.
    """
    plane = planes[z]
    for block in _rectangles(z, plane):
        open_sides = _open_sides(block, plane)
        if open_sides is None or (open_sides == 3 and block.voxels < WIDE * plane.size):
            continue
        if not open_sides or _is_lit_elsewhere(block, planes):
            yield block


def _is_lit_elsewhere(block: Rectangle, planes: dict[int, np.ndarray]) -> bool:
    """Whether another plane has an image where the block is: tiles may be left out in all planes.

    For a band from border to border, planes before and after it: the bands beside a volume that was
    sheared grow from plane to plane.
    """
    rows, columns = planes[block.z].shape
    lit = [z for z, plane in planes.items() if _lit(plane[block.slices]) > SHARP]
    if block.x == (0, columns) or block.y == (0, rows):
        return bool(lit) and min(lit) < block.z < max(lit)
    return bool(lit)


def _rectangles(z: int, plane: np.ndarray) -> Iterator[Rectangle]:
    """Rectangles of zeros that cannot grow any more, each from a tile of zeros between others."""
    tile = int(np.clip(min(plane.shape) // TILES_ACROSS, SMALLEST_TILE, LARGEST_TILE))
    lit = _tiles_lit(plane, tile)
    seen: list[Rectangle] = []
    seeds = np.concatenate([_bands(lit), np.argwhere(_between(lit))[: 50 * MOST_SEEDS]])
    for row, column in seeds.tolist():
        y, x = row * tile, column * tile
        if any(old.y[0] <= y < old.y[1] and old.x[0] <= x < old.x[1] for old in seen):
            continue
        seen.append(_grown(z, plane, y, x, tile))
        yield seen[-1]
        if len(seen) == MOST_SEEDS:
            return


def _tiles_lit(plane: np.ndarray, tile: int) -> np.ndarray:
    """For each whole tile whether any of its voxels is not 0."""
    rows, columns = (size // tile for size in plane.shape)
    cut = plane[: rows * tile, : columns * tile]
    return cut.reshape(rows, tile, columns, tile).max(axis=(1, 3)) > 0


def _between(lit: np.ndarray) -> np.ndarray:
    """Dark tiles that have a lit one on at least one side along each axis."""
    return ~lit & lit.any(axis=0) & lit.any(axis=1, keepdims=True)


def _bands(lit: np.ndarray) -> np.ndarray:
    """The middle tile of every row and every column of dark tiles, if not all are dark."""
    if not lit.any():
        return np.empty((0, 2), np.int64)
    middle_row, middle_column = (size // 2 for size in lit.shape)
    rows = [(row, middle_column) for row in np.flatnonzero(~lit.any(axis=1))]
    columns = [(middle_row, column) for column in np.flatnonzero(~lit.any(axis=0))]
    return np.array(rows + columns, np.int64).reshape(-1, 2)


def _grown(z: int, plane: np.ndarray, y: int, x: int, tile: int) -> Rectangle:
    """The tile, grown on each side in turn as far as all is 0."""
    top, bottom, left, right = y, y + tile, x, x + tile
    while top > 0 and not plane[top - 1, left:right].any():
        top -= 1
    while bottom < len(plane) and not plane[bottom, left:right].any():
        bottom += 1
    while left > 0 and not plane[top:bottom, left - 1].any():
        left -= 1
    while right < plane.shape[1] and not plane[top:bottom, right].any():
        right += 1
    return Rectangle(z, (top, bottom), (left, right))


def _open_sides(block: Rectangle, plane: np.ndarray) -> int | None:
    """How many sides of the block are the plane's border; None if it is not cut out of tissue.

    At least one side of it is inside.
    """
    rows, columns = block.slices
    before: list[Side] = [
        (block.y[0], (block.y[0] - 1, columns)),
        (block.x[0], (rows, block.x[0] - 1)),
    ]
    after: list[Side] = [
        (len(plane) - block.y[1], (block.y[1], columns)),
        (plane.shape[1] - block.x[1], (rows, block.x[1])),
    ]
    lit = [[_lit(plane[edge]) if room else None for room, edge in side] for side in (before, after)]
    inner = [share for side in lit for share in side if share is not None]
    if not inner or min(inner) <= SHARP:
        return None
    return 4 - len(inner)


def _lit(voxels: np.ndarray) -> float:
    """The share of voxels that are not 0."""
    return float(np.count_nonzero(voxels) / voxels.size)
