"""Whether annotated positions lie where the volume is."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from cellsift.errors import InputError
from cellsift.io.cells import Positions
from cellsift.io.names import AXES
from cellsift.labels.placement import reading_that_fits

# From so many cells on, all of them in one plane is worth a word; from two in the very first.
ONE_PLANE, FIRST_PLANE = 8, 2


def refuse_outside(
    path: str, positions: Positions, voxel_size: Sequence[float], shape: tuple[int, int, int]
) -> None:
    """Raise InputError for positions outside a volume of this shape (z, y, x).

    It says in which other order or unit all would lie inside, or that slices count channels.
    """
    points = positions.points[AXES].to_numpy()
    if positions.of_fiji and len(points) and points[:, 0].max() >= shape[0]:
        _refuse_channels(path, int(points[:, 0].max()) + 1, shape[0])
    # Annotations that count from 1, or from a voxel's edge, reach up to a voxel too far.
    outside = ((points < -1) | (points > np.array(shape))).any(axis=1)
    if not outside.any():
        return
    first = int(np.argmax(outside))
    fits = reading_that_fits(points, voxel_size, shape)
    raise InputError(
        f"{path}: {int(outside.sum())} of {len(points)} positions lie outside the volume "
        f"of shape (z, y, x) {shape}, the first in row {positions.points.index[first] + 1}: "
        f"{', '.join(f'{value:g}' for value in points[first])}. Give z, y, x in voxels "
        "of the signal, not in µm, and check that z and x are not swapped."
        + (f" All of them would lie inside {fits.said}." if fits else _reach(points))
    )


def at_the_edge(path: str, points: pd.DataFrame, shape: tuple[int, int, int]) -> list[str]:
    """What to say of cells a whole voxel outside a volume of this shape (z, y, x)."""
    behind = [axis for axis, size in zip(AXES, shape, strict=True) if (points[axis] >= size).any()]
    before = [axis for axis in AXES if (points[axis] <= -1).any()]
    if not behind and not before:
        return []
    # What was counted from 1 holds no 0; a single position at the edge is just rounded.
    if behind and (points[AXES] < 1).any(axis=None):
        return []
    reach = [f"{axis} {points[axis].max():g}" for axis in behind]
    reach += [f"{axis} {points[axis].min():g}" for axis in before]
    return [
        f"{path}: positions reach {', '.join(reach)}, one voxel beyond the volume of shape "
        f"(z, y, x) {tuple(shape)}, which is counted from 0. If they were counted from "
        f"{'1' if behind else '-1'}, all of them lie a voxel off: count them from 0."
    ]


def flat(path: str, points: pd.DataFrame, shape: tuple[int, int, int]) -> list[str]:
    """What to say of cells that all lie in one plane of a volume of this shape (z, y, x)."""
    for axis, size in zip(AXES, shape, strict=True):
        planes = points[axis].round().unique()
        fewest = FIRST_PLANE if len(planes) and planes[0] == 0 else ONE_PLANE
        if len(planes) == 1 and size > 1 and len(points) >= fewest:
            where = f"plane {planes[0]:g}" if axis == "z" else f"the plane {axis} = {planes[0]:g}"
            return [
                f"{path}: all {len(points)} positions lie in {where} of {size}. If they were "
                f"marked in a single plane or a projection, their {axis} is not known; if only "
                "this plane was looked at, give artefacts of it as non_cells, since all else "
                "counts as no cell."
            ]
    return []


def _refuse_channels(path: str, deepest: int, planes: int) -> None:
    raise InputError(
        f"{path}: is of Fiji's Cell Counter and has marks up to slice {deepest}, but the signal "
        f"has {planes} planes. If it was counted in a hyperstack of several channels, its "
        "slices count on through the channels: give a CSV with columns z, y, x, where "
        "z = (slice - 1) divided by the number of channels, rounded "
        "down. If not, give the volume that it was counted in."
    )


def _reach(points: np.ndarray) -> str:
    """How far the positions reach."""
    low, high = points.min(axis=0), points.max(axis=0)
    spans = zip(AXES, low, high, strict=True)
    return " They reach " + ", ".join(f"{axis} {a:g} to {b:g}" for axis, a, b in spans) + "."
