"""Which parts of a brain hold tissue, by its projections."""

import numpy as np
import pandas as pd

from cellsift.appearance.tissue import is_tissue
from cellsift.reporting.projections import Projection


def boxes_with_tissue(projection: Projection, boxes: pd.DataFrame) -> np.ndarray:
    """Which boxes (z0, y0, x0, z1, y1, x1, voxels, half-open) may hold tissue, (n,) bool.

    A box is dark if all that lies above and below it is, or all in front of it and behind it: a
    projection shows the brightest voxel along the line of sight. What counts as dark tells
    `appearance.tissue.is_tissue`.
    """
    top = _is_bright(projection.top[0], boxes, ("y", "x"), projection.bins[1:])
    bins = (projection.bins[0], projection.bins[2])
    return top & _is_bright(projection.front[0], boxes, ("z", "x"), bins)


def _is_bright(
    view: np.ndarray, boxes: pd.DataFrame, axes: tuple[str, str], bins: tuple[int, int]
) -> np.ndarray:
    """Whether what each box covers of a view is tissue."""
    edges = [
        np.stack([boxes[f"{axis}0"] // size, -(-boxes[f"{axis}1"] // size)], axis=1)
        for axis, size in zip(axes, bins, strict=True)
    ]
    places, of_box = np.unique(np.hstack(edges), axis=0, return_inverse=True)
    seen = [np.median(view[a0:a1, b0:b1]) for a0, a1, b0, b1 in places]
    return is_tissue(np.log1p(seen))[of_box.ravel()]
