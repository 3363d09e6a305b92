"""Whether cellfinder's detection would take tissue of a crop for the outside of the brain.

It drops the tiles of a plane that are no brighter than the plane's first corner. That is right for
a whole brain, whose corner is dark; where the corner is tissue, so is much of what is dropped. Two
signs tell them apart. What lies outside is about as dark as the darkest tiles of all planes, and
has next to none of the spots of a soma's size that detection looks for.
"""

from collections.abc import Mapping

import numpy as np
from scipy.ndimage import maximum_filter, median_filter

from cellsift.io.volumes import Volume

# Of the way from the darkest to the brightest tiles: what is darker may lie outside.
DARK = 0.3
# So much of all tiles, or of all spots, must be lost for a warning, and at least so many spots.
LOST_TILES, LOST_SPOTS, FEWEST_SPOTS = 0.1, 0.2, 4
# A spot stands out so many times the roughness of tiles of its kind, a median deviation.
SPOT = 6
# What a spot is compared with: the blocks of half a soma at a distance of two.
AROUND = np.pad(np.zeros((3, 3), bool), 1, constant_values=True)
# So many tiles of a plane at most are searched for spots, as more take long.
TILES_SEARCHED = 2500


def tile_side(soma_diameter: float, voxel_size: tuple[float, float, float]) -> int:
    """The side of cellfinder's tiles in voxels, for a soma in µm."""
    return 2 * round(soma_diameter / ((voxel_size[2] + voxel_size[1]) / 2))


def tile_means(plane: np.ndarray, side: int) -> np.ndarray:
    """The mean intensity of every whole tile of a plane (y, x); (0, 0) where none fits."""
    rows, columns = (size // side for size in plane.shape)
    if not (rows and columns):
        return np.empty((0, 0), np.float32)
    # As cellfinder clips: its two highest values are marks.
    clipped = np.minimum(plane[: rows * side, : columns * side], np.iinfo(plane.dtype).max - 2)
    along_x = np.add.reduceat(clipped, np.arange(0, columns * side, side), axis=1, dtype=np.int64)
    sums = np.add.reduceat(along_x, np.arange(0, rows * side, side), axis=0)
    return (sums / side**2).astype(np.float32)


def tiles_inside(plane: np.ndarray, side: int) -> np.ndarray:
    """Which tiles of a plane cellfinder searches, as booleans; the last ones that are cut are not.

    Those whose mean is at least the mean of the first tile, twice its standard deviation, and 1.
    """
    inside = np.zeros([-(-size // side) for size in plane.shape], bool)
    means = tile_means(plane, side)
    if means.size:
        corner = np.minimum(plane[:side, :side], np.iinfo(plane.dtype).max - 2).astype(np.float64)
        least = np.float32(corner.mean()) + 2 * np.float32(corner.std()) + np.float32(1)
        inside[: means.shape[0], : means.shape[1]] = means >= least
    return inside


def lost_in_dark_tiles(
    soma_diameter: float, volume: Volume, planes: Mapping[int, np.ndarray]
) -> list[str]:
    """A sentence for the user where much tissue of a volume counts as outside.

    `soma_diameter` is in µm, `planes` are a few of the volume (y, x) by their number.
    """
    side = tile_side(soma_diameter, volume.voxel_size)
    if side < 2 or min(volume.shape[1:]) < side:
        return []
    inside = [tiles_inside(plane, side) for plane in planes.values()]
    if not (_bright_tiles_lost(planes, inside, side) or _spots_lost(planes, inside, side)):
        return []
    outside = 1 - np.mean(np.concatenate([each.ravel() for each in inside]))
    return [
        f"cellfinder's detection would take {outside:.0%} of the volume's tiles of {side} x {side} "
        "voxels for the outside of the brain, as they are no brighter than the first corner of "
        "their plane, and tissue is among them: cells there are lost. If the volume is tissue up "
        "to its corner, set keep_dark_tiles: true under detection."
    ]


def _bright_tiles_lost(
    planes: Mapping[int, np.ndarray], inside: list[np.ndarray], side: int
) -> bool:
    """Whether many dropped tiles are clearly brighter than the volume's darkest tiles."""
    means = [tile_means(plane, side) for plane in planes.values()]
    every = np.concatenate([each.ravel() for each in means])
    # Exact zeros are where nothing was imaged.
    every = every[every > 0]
    if not len(every):
        return False
    dark, bright = np.percentile(every, [5, 99])
    lost = [
        (each > dark + DARK * (bright - dark)) & ~kept[: each.shape[0], : each.shape[1]]
        for each, kept in zip(means, inside, strict=True)
    ]
    return sum(each.sum() for each in lost) >= LOST_TILES * len(every)


def _spots_lost(planes: Mapping[int, np.ndarray], inside: list[np.ndarray], side: int) -> bool:
    """Whether many of the spots of a soma's size lie in dropped tiles."""
    kept = lost = 0
    for plane, within in zip(planes.values(), inside, strict=True):
        in_kept, in_lost = _count_spots(plane, within, side)
        kept, lost = kept + in_kept, lost + in_lost
    return lost >= max(FEWEST_SPOTS, LOST_SPOTS * (kept + lost))


def _count_spots(plane: np.ndarray, inside: np.ndarray, side: int) -> tuple[int, int]:
    """How many blocks of a plane stand out, in tiles that are kept and in those that are not.

    A block is half a soma wide, and stands out where it is much brighter than all blocks at a
    soma's distance; the tissue's edge never is. Of a larger plane the square in its middle counts.
    """
    block, most = side // 4, int(TILES_SEARCHED**0.5) * side
    top, left = (max((size - most) // 2, 0) // side * side for size in plane.shape)
    part = plane[top : top + most, left : left + most]
    rows, columns = (size // block for size in part.shape)
    if block < 1 or min(rows, columns) < len(AROUND):
        return 0, 0
    blocks = part[: rows * block, : columns * block].reshape(rows, block, columns, block)
    # Medians, as a camera's hot pixels are no somata.
    levels = np.median(blocks, axis=(1, 3))
    excess = levels - maximum_filter(levels, footprint=AROUND)
    rough = abs(levels - median_filter(levels, footprint=AROUND))
    row, column = (
        (begin + np.arange(number) * block + block // 2) // side
        for begin, number in ((top, rows), (left, columns))
    )
    kept = inside[np.ix_(row, column)]
    in_kept, in_lost = (
        int((excess[of] > SPOT * max(float(np.median(rough[of])), 1)).sum()) if of.any() else 0
        for of in (kept, ~kept)
    )
    return in_kept, in_lost
