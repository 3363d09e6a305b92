"""Looks at a brain for the page of detection, while few of its planes are held."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.spatial import KDTree

from cellsift.detection import UNLIMITED, Resources
from cellsift.io.axes import AXES, Shape, Size, per_axis
from cellsift.io.volumes import Volume, naming_bad_planes
from cellsift.labels.matching import match
from cellsift.reporting.detection_places import Place, choose_places
from cellsift.reporting.detection_views import DetectionViews
from cellsift.reporting.local_contrast import contrast_at_cells, scale_of

# How wide, at least, and how deep a place is, in soma diameters: in a deeper one cells would hide
# each other.
WIDE, LEAST_WIDE, DEEP = 20, 8, 2.0
MOST_PIXELS = 700
BINS = 40
# At so many candidates contrast is measured again, to compare it with that at cells.
COMPARED = 20_000


def look_at_detection(
    volume: Volume,
    candidates: pd.DataFrame,
    annotation: pd.DataFrame,
    detection: dict,
    distance_um: float,
    *,
    partial: bool = False,
    resources: Resources = UNLIMITED,
) -> DetectionViews:
    """Return what the page of detection shows of a brain.

    Args:
        candidates: those that are kept, columns z, y, x in voxels, and contrast.
        annotation: cells, columns z, y, x in voxels.
        detection: the detector's method and parameters, complete; its `soma_diameter` in µm says
            how large the places are.
        distance_um: within which a candidate can be a cell, one to one.
        partial: whether only some of the cells are annotated, so that a candidate elsewhere is
            not known to be no cell.
        resources: what filters may use; they change nothing.

    Raises InputError for a volume that cannot be read.
    """
    at, cells = candidates[AXES].to_numpy(float), annotation[AXES].to_numpy(float)
    contrast = candidates["contrast"].to_numpy(float)
    pairs = match(at, cells, volume.voxel_size, distance_um)
    matched, found = np.zeros(len(at), bool), np.zeros(len(cells), bool)
    matched[pairs[:, 0]], found[pairs[:, 1]] = True, True
    soma = float(detection["soma_diameter"])
    size = _size(soma, volume.voxel_size, volume.shape)
    others = at[:0] if partial else at[~matched]
    places = choose_places(cells, found, others, size, volume.shape)
    shown = np.any([place.holds(at) for place in places] or [np.zeros(len(at), bool)], axis=0)
    edges = _edges(contrast)
    few = slice(None, None, max(len(at) // COMPARED, 1))
    return DetectionViews(
        shape=volume.shape,
        voxel_size=volume.voxel_size,
        soma_diameter=soma,
        kinds=np.array([place.kind for place in places], "U64"),
        corners=np.array([place.corner for place in places], int).reshape(-1, 3),
        size=places[0].size if places else size,
        pictures=_pictures(volume, places),
        annotated=cells,
        found=found,
        nearest_um=_nearest(cells, at, volume.voxel_size),
        free_um=_nearest(cells, at[~matched], volume.voxel_size),
        cell_contrast=contrast_at_cells(
            volume,
            scale_of(detection, volume.voxel_size),
            cells,
            at[few],
            contrast[few],
            resources,
        ),
        candidates=at[shown],
        matched=matched[shown],
        edges=edges,
        with_cell=np.histogram(contrast[matched], edges)[0],
        without_cell=np.histogram(contrast[~matched], edges)[0],
    )


def _size(soma_um: float, voxel_size: Size, shape: Shape) -> Shape:
    """Voxels of a place. In a small volume it is smaller, so that several lie beside each other."""

    def voxels(somata: float, axis: int) -> int:
        return max(round(somata * soma_um / voxel_size[axis]), 1)

    wide = (min(voxels(WIDE, i), max(shape[i] // 2, voxels(LEAST_WIDE, i))) for i in (1, 2))
    return per_axis([voxels(DEEP, 0), *(min(side, MOST_PIXELS) for side in wide)])


def _pictures(volume: Volume, places: Sequence[Place]) -> np.ndarray:
    pictures = []
    for place in places:
        low, high = np.array(place.corner), np.add(place.corner, place.size)
        box = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
        with naming_bad_planes(volume.data, volume.source, int(low[0]), int(high[0])):
            pictures.append(volume.data[box].max(axis=0).compute())
    return np.stack(pictures) if pictures else np.zeros((0, 1, 1), volume.dtype)


def _nearest(cells: np.ndarray, candidates: np.ndarray, voxel_size: Size) -> np.ndarray:
    if not len(candidates) or not len(cells):
        return np.full(len(cells), np.inf)
    return KDTree(candidates * voxel_size).query(cells * voxel_size)[0]


def _edges(contrast: np.ndarray) -> np.ndarray:
    """Edges of bins of contrast; narrow where contrasts are low, as most are."""
    if not len(contrast):
        return np.linspace(0, 1, BINS + 1)
    low, high = float(contrast.min()), float(contrast.max())
    if high <= low:
        return np.linspace(low - 0.5, low + 0.5, BINS + 1)
    spaced = np.geomspace if low > 0 else np.linspace
    edges = spaced(low, high, BINS + 1)
    # Rounding must not leave the extremes out.
    edges[0], edges[-1] = low, high
    return edges
