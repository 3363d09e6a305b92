"""How many annotated cells the candidates of the highest contrast reach."""

import numpy as np
import pandas as pd
from scipy.spatial import KDTree

from cellsift.io.axes import AXES, Size
from cellsift.labels.matching import match

POINTS = 40
# The curve begins at so many candidates for each annotated cell.
FEWEST_PER_CELL = 0.1


def detection_curve(
    candidates: pd.DataFrame,
    annotated: pd.DataFrame,
    voxel_size: Size,
    distance_um: float,
    points: int = POINTS,
) -> pd.DataFrame:
    """Return contrast, candidates and recall: a row for each of some thresholds, the highest first.

    `candidates` are the number of those of at least this contrast, `recall` is the share of the
    annotated cells that they reach, one to one within `distance_um`; the last row is of them all.
    Empty without candidates or annotated cells.

    Args:
        candidates: columns z, y, x in voxels, and contrast.
        annotated: columns z, y, x in voxels.
        voxel_size: µm along z, y, x.
        distance_um: within which a candidate can be an annotated cell.
        points: how many rows at most.
    """
    cells = annotated[AXES].to_numpy(float)
    rows = []
    if len(candidates) and len(cells):
        ordered = candidates.sort_values("contrast", ascending=False, kind="stable")
        falling = -ordered["contrast"].to_numpy(float)
        places = ordered[AXES].to_numpy(float)
        within = np.flatnonzero(_near(places, cells, voxel_size, distance_um))
        for count in _counts(falling, len(cells), points):
            kept = places[within[within < count]]
            reached = len(match(kept, cells, voxel_size, distance_um))
            rows.append((-falling[count - 1], count, reached / len(cells)))
    return pd.DataFrame(rows, columns=["contrast", "candidates", "recall"])


def _near(places: np.ndarray, cells: np.ndarray, voxel_size: Size, distance_um: float):
    """Which places could be matched at all: to match the others takes time and changes nothing."""
    tree = KDTree(cells * voxel_size)
    distance, _ = tree.query(places * voxel_size, distance_upper_bound=distance_um * (1 + 1e-6))
    return np.isfinite(distance)


def _counts(falling: np.ndarray, cells: int, points: int) -> np.ndarray:
    """Numbers of candidates to look at; those of equal contrast are counted together."""
    fewest = min(max(FEWEST_PER_CELL * cells, 1), len(falling))
    wished = np.geomspace(fewest, len(falling), points).round().astype(int)
    return np.unique(np.searchsorted(falling, falling[wished - 1], side="right"))
