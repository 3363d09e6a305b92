"""Small pictures of single candidates, for tools that show one after the other."""

import base64

import imagecodecs
import numpy as np

# A picture's side is at least this many pixels.
SMALLEST_SIDE = 160
GAP, WHITE = 4, 255
# What is darker or brighter than these shares of the voxels is black or white.
DARKEST, BRIGHTEST = 1, 99.8
# Of the side, how far the marks at the border reach in that point at the candidate.
MARK = 0.06


def picture_of(cuboid: np.ndarray) -> np.ndarray:
    """A grey picture (y, x) uint8 of a cuboid (channel, z, y, x).

    On the left the brightest voxel along z, on the right the central plane, the signal above the
    background. Each channel has a black and white of its own, at least a factor of two apart, and a
    logarithmic scale between. Marks at the border point at the candidate and leave it uncovered.
    """
    rows = [_both(channel) for channel in np.log1p(cuboid.astype(float))]
    return _stacked(rows, axis=0)


def _both(logs: np.ndarray) -> np.ndarray:
    low, high = np.percentile(logs, [DARKEST, BRIGHTEST])
    grey = np.clip((logs - low) / max(high - low, np.log(2)), 0, 1)
    views = (grey.max(axis=0), grey[grey.shape[0] // 2])
    return _stacked([_enlarged((255 * view).astype(np.uint8)) for view in views], axis=1)


def _enlarged(view: np.ndarray) -> np.ndarray:
    factor = -(-SMALLEST_SIDE // min(view.shape))
    large = np.repeat(np.repeat(view, factor, axis=0), factor, axis=1)
    height, width = large.shape
    reach, thick = max(1, round(MARK * min(large.shape))), max(1, factor // 4)
    middle = slice(width // 2 - thick // 2, width // 2 - thick // 2 + thick)
    large[:reach, middle] = large[-reach:, middle] = WHITE
    middle = slice(height // 2 - thick // 2, height // 2 - thick // 2 + thick)
    large[middle, :reach] = large[middle, -reach:] = WHITE
    return large


def _stacked(parts: list[np.ndarray], axis: int) -> np.ndarray:
    shape = list(parts[0].shape)
    shape[axis] = GAP
    gap = np.full(shape, WHITE, np.uint8)
    return np.concatenate([part for p in parts for part in (gap, p)][1:], axis=axis)


def as_data_uri(picture: np.ndarray) -> str:
    """A picture (y, x) uint8 as a PNG that is part of an address."""
    content = base64.b64encode(imagecodecs.png_encode(picture, level=9)).decode("ascii")
    return f"data:image/png;base64,{content}"
