"""Places that show best how detection does in a brain: its worst, and usual ones."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import KDTree

from cellsift.io.axes import Shape, per_axis

MISSES, NO_CELLS, TYPICAL = "most missed", "most without a cell", "typical"
# How many of each kind; where there are too few misses, typical places take their turn.
MOST_MISSES, MOST_NO_CELLS, PLACES = 3, 1, 6
MOST_POINTS = 10_000
# Chebyshev distance: a window is a box.
BOX = np.inf


@dataclass(frozen=True)
class Place:
    """A box of voxels: `kind`, its first voxel `corner` and its `size`, both z, y, x."""

    kind: str
    corner: Shape
    size: Shape

    def holds(self, positions: np.ndarray) -> np.ndarray:
        """Which positions (n, 3) in voxels z, y, x have their nearest voxel in the box."""
        low = np.array(self.corner) - 0.5
        return np.all((positions >= low) & (positions < low + self.size), axis=1)


def choose_places(
    annotated: np.ndarray,
    found: np.ndarray,
    others: np.ndarray,
    size: Shape,
    shape: Shape,
) -> list[Place]:
    """Return up to six boxes that do not overlap, the worst first.

    They are those with the most missed cells, the one with the most candidates that are no cell,
    and boxes around annotated cells with about as many of them as is usual.

    Args:
        annotated: cells (n, 3) in voxels z, y, x; `found` (n,) says which have a candidate.
        others: candidates (m, 3) that are no annotated cell; none where that cannot be known.
        size: of a box, in voxels; it is cut down to the `shape` of the volume.
    """
    size = per_axis(min(a, b) for a, b in zip(size, shape, strict=True))
    places: list[Place] = []

    def take(kind: str, points: np.ndarray, merit: np.ndarray, most: int) -> None:
        """Add places around those of the points that have the most merit."""
        # Equal ones in any order, but always the same: the first of a table lie side by side.
        drawn = np.random.default_rng(0).permutation(len(points))
        for row in np.lexsort((drawn, -merit)):
            if most == 0 or len(places) == PLACES:
                return
            place = _around(kind, points[row], size, shape)
            if not any(_overlap(place, other) for other in places):
                places.append(place)
                most -= 1

    missed, others, annotated = map(_thinned, (annotated[~found], others, annotated))
    take(MISSES, missed, _neighbours(missed, missed, size), MOST_MISSES)
    take(NO_CELLS, others, _neighbours(others, others, size), MOST_NO_CELLS)
    if len(annotated):
        cells = _neighbours(annotated, annotated, size)
        take(TYPICAL, annotated, -np.abs(cells - np.median(cells)), PLACES)
    return places


def _thinned(points: np.ndarray) -> np.ndarray:
    """Some of many points, evenly over the table: where most lie is seen by them as well."""
    return points[:: max(len(points) // MOST_POINTS, 1)]


def _neighbours(at: np.ndarray, points: np.ndarray, size: Shape) -> np.ndarray:
    """How many of the points lie in a box around each of the positions `at`."""
    if not len(at):
        return np.zeros(0)
    half = np.array(size) / 2
    return KDTree(points / half).query_ball_point(at / half, 1.0, p=BOX, return_length=True)


def _around(kind: str, centre: np.ndarray, size: Shape, shape: Shape) -> Place:
    low = np.rint(centre - (np.array(size) - 1) / 2)
    low = np.clip(low, 0, np.array(shape) - size).astype(int)
    z, y, x = low.tolist()
    return Place(kind, (z, y, x), size)


def _overlap(one: Place, other: Place) -> bool:
    apart = np.abs(np.array(one.corner) - other.corner)
    return bool((apart < one.size).all())
