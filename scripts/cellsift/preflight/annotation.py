"""Whether a brain's annotation fits its volume."""

from collections.abc import Sequence

import numpy as np

from cellsift.brains_table import Brain
from cellsift.errors import InputError
from cellsift.io.cells import read_points
from cellsift.preflight.naming import naming


def check_annotation(brain: Brain, shape: Sequence[int]) -> dict:
    """What `check_brain` finds in the annotation of a volume of this shape (z, y, x)."""
    return {
        "annotated_cells": _count_points(brain, "cells", tuple(shape)),
        "annotated_non_cells": _count_points(brain, "non_cells", tuple(shape)),
    }


def _count_points(brain: Brain, column: str, shape: tuple[int, int, int]) -> int | None:
    """Return how many points an annotation holds; None if there is none."""
    path = getattr(brain, column)
    if path is None:
        return None
    with naming(brain, column):
        points = read_points(path, "cell" if column == "cells" else "no_cell")
        positions = points[["z", "y", "x"]].to_numpy()
        # Annotations that count from 1, or from a voxel's edge, reach up to a voxel too far.
        outside = ((positions < -1) | (positions > np.array(shape))).any(axis=1)
        if outside.any():
            first = int(np.argmax(outside))
            raise InputError(
                f"{path}: {int(outside.sum())} of {len(points)} positions lie outside the volume "
                f"of shape (z, y, x) {shape}, the first in row {first + 1}: "
                f"{', '.join(f'{value:g}' for value in positions[first])}. Give z, y, x in voxels "
                "of the signal, not in µm, and check that z and x are not swapped."
            )
    return len(points)
