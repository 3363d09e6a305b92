"""What a page shows of detection in a brain, small enough for it; `detection_viewing` makes it."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from cellsift.io.array_files import read_arrays
from cellsift.io.atomic import atomic_file
from cellsift.io.axes import Shape, Size, per_axis
from cellsift.reporting.detection_places import Place

MOST_BYTES = 2**30


@dataclass(frozen=True)
class DetectionViews:
    """Annotated cells and candidates of a brain, and pictures of some places. Axes are z, y, x.

    Attributes:
        shape, voxel_size: of the volume, voxels and µm.
        soma_diameter: that detection looks for, µm.
        kinds, corners, size: of the `Place` of each picture: (k,), (k, 3) and (3,), voxels.
        pictures: the brightest voxel along z of each place (k, y, x).
        annotated: cells (n, 3) in voxels; `found` (n,) says which have a candidate.
        nearest_um, free_um: how far the nearest candidate of each cell is (n,), and the nearest of
            those that are no annotated cell; inf where there is none.
        cell_contrast: contrast at each cell (n,); nan where it was not measured.
        candidates: those in the places (c, 3) in voxels; `matched` (c,) says which are a cell.
        edges, with_cell, without_cell: how many candidates of the brain have which contrast: edges
            of bins (b + 1,), counts (b,) of those that are an annotated cell, and of others.
    """

    shape: Shape
    voxel_size: Size
    soma_diameter: float
    kinds: np.ndarray
    corners: np.ndarray
    size: Shape
    pictures: np.ndarray
    annotated: np.ndarray
    found: np.ndarray
    nearest_um: np.ndarray
    free_um: np.ndarray
    cell_contrast: np.ndarray
    candidates: np.ndarray
    matched: np.ndarray
    edges: np.ndarray
    with_cell: np.ndarray
    without_cell: np.ndarray

    @property
    def places(self) -> list[Place]:
        """Where the pictures are."""
        found = zip(self.kinds.tolist(), map(per_axis, self.corners.tolist()), strict=True)
        return [Place(kind, corner, self.size) for kind, corner in found]


OF_AXES = ("shape", "voxel_size", "size")
KEYS = tuple(field.name for field in fields(DetectionViews))


def save_views(views: DetectionViews, path: str | Path) -> None:
    """Write views as a compressed .npz, whole or not at all."""
    with atomic_file(path) as beside, beside.open("wb") as file:
        np.savez_compressed(file, **{key: getattr(views, key) for key in KEYS})


def load_views(path: str | Path) -> DetectionViews:
    """The views that `save_views` wrote. Raises InputError for any other file."""
    arrays = read_arrays(path, KEYS, "views of detection", MOST_BYTES)
    plain: dict[str, Any] = {key: per_axis(arrays[key].tolist()) for key in OF_AXES}
    return DetectionViews(**arrays | plain | {"soma_diameter": float(arrays["soma_diameter"])})
