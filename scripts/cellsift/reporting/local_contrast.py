"""The contrast that detection measures, at annotated cells rather than at candidates."""

import math

import numpy as np

from cellsift.detection import Resources, create_detector
from cellsift.detection.brightness import brightness, typical_root
from cellsift.detection.contrast import measured_blocks
from cellsift.detection.scale import Scale
from cellsift.io.axes import Size
from cellsift.io.volumes import Volume

# Of larger volumes some slabs of planes tell as much: to filter all takes as long as to detect.
MOST_VOXELS = 1.5e8


def scale_of(detection: dict, voxel_size: Size) -> Scale:
    """The lengths by which a detector, its method and parameters, measures contrast."""
    return create_detector(**detection).scale(voxel_size)


def contrast_at_cells(
    volume: Volume,
    scale: Scale,
    annotated: np.ndarray,
    candidates: np.ndarray,
    contrast: np.ndarray,
    resources: Resources,
    most_voxels: float = MOST_VOXELS,
) -> np.ndarray:
    """Return the contrast (n,) at annotated cells; nan where it was not measured.

    In a volume of more than `most_voxels` it is measured in those slabs of planes that have the
    most annotated cells. It is on the scale of the candidates' `contrast` (m,), with which it is
    compared at them; without a candidate there, it is scaled by the slabs' own brightness.

    Args:
        annotated, candidates: (n, 3) and (m, 3), in voxels z, y, x.
        resources: what the filters may use; they change nothing.
    """
    found = np.full(len(annotated), np.nan)
    counts, ratios = np.zeros(1, np.int64), [np.empty(0)]
    places = np.concatenate([annotated, candidates])
    for planes in _slabs(volume, scale, annotated, most_voxels):
        for maxima, rows, asked in measured_blocks(
            volume, scale, places, planes, resources=resources
        ):
            is_cell = rows < len(annotated)
            found[rows[is_cell]] = asked.weighted[is_cell]
            known = contrast[rows[~is_cell] - len(annotated)]
            with np.errstate(divide="ignore", invalid="ignore"):
                ratios.append(asked.weighted[~is_cell] / known)
            counts = counts + brightness(maxima.surroundings)
    return found / _root(np.concatenate(ratios), counts)


def _slabs(
    volume: Volume, scale: Scale, annotated: np.ndarray, most_voxels: float
) -> list[tuple[int, int]]:
    """The slabs to measure in, as first plane and first one after; one if that is not too much."""
    depth, height, width = volume.shape
    affordable = int(most_voxels / (height * width))
    if affordable >= depth:
        return [(0, depth)]
    halo = scale.halo[0]
    thickness = max(halo, 1)
    slabs = max(affordable // (thickness + 2 * halo), 1)
    planes = np.clip(np.rint(annotated[:, 0]), 0, depth - 1).astype(int)
    cells = np.bincount(planes // thickness, minlength=math.ceil(depth / thickness))
    best = np.sort(np.argsort(-cells, kind="stable")[:slabs])
    return [(int(n * thickness), int(min((n + 1) * thickness, depth))) for n in best]


def _root(ratios: np.ndarray, counts: np.ndarray) -> float:
    """By what a weighted difference is divided to be a contrast: as it is at candidates."""
    ratios = ratios[np.isfinite(ratios) & (ratios > 0)]
    return float(np.median(ratios)) if len(ratios) else typical_root(counts)
