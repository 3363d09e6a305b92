"""One trial of a search: a detector with its parameters on the crops of every brain."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from cellsift.detection import contrast_slab, create_detector, detect_slab, find_centres, gather
from cellsift.detection.parts import Part
from cellsift.detection.resources import UNLIMITED, Resources
from cellsift.evaluation.recall_curve import Piece, RecallCurve
from cellsift.io.axes import AXES, Size
from cellsift.training.detection.crops import Crop

# Candidates of the highest contrast that are looked at, for each annotated cell: nobody keeps more.
# Where only some of the cells are annotated, nobody knows, and all are.
MOST_PER_CELL = 30
# A lone brain is divided into so many groups where each has at least so many cells.
PARTS, LEAST_CELLS = 2, 5


@dataclass(frozen=True, eq=False)
class TrialBrain:
    """An annotated brain as detectors are tried on it.

    `partial`: only some of its cells are annotated. `distance_um` is that of matching.
    """

    name: str
    crops: Sequence[Crop]
    distance_um: float
    partial: bool = False

    @property
    def voxel_size(self) -> Size:
        return self.crops[0].volume.voxel_size

    @cached_property
    def annotated(self) -> int:
        """Cells that count."""
        return sum(int(crop.counts(crop.annotated).sum()) for crop in self.crops)


def curves_of(
    brains: Sequence[TrialBrain],
    method: str,
    parameters: Mapping[str, Any],
    resources: Resources = UNLIMITED,
) -> dict[str, RecallCurve]:
    """The curve of every group of cells: by brain, or by part of the only brain.

    Raises InputError for parameters that the detector cannot work with on a crop.
    """
    pieces = {
        brain.name: _pieces(brain, method, parameters, resources)
        for brain in brains
        if brain.annotated
    }
    groups = {
        brain.name: RecallCurve(
            pieces[brain.name], brain.voxel_size, brain.distance_um, brain.partial
        )
        for brain in brains
        if brain.annotated
    }
    if len(groups) > 1:
        return groups
    ((name, whole),) = groups.items()
    parts = _divided(whole)
    return parts if all(part.annotated >= LEAST_CELLS for part in parts.values()) else groups


def _divided(curve: RecallCurve) -> dict[str, RecallCurve]:
    """The two halves of a brain, across the longest axis of its crops, with as many cells each."""
    halves: dict[str, list[Piece]] = {f"half {part + 1}": [] for part in range(PARTS)}
    for piece in curve.pieces:
        counted = _mask(piece.counted_annotated, len(piece.annotated))
        at = piece.annotated[counted] * curve.voxel_size
        if not len(at):
            continue
        axis = int(np.argmax(np.ptp(at, axis=0)))
        middle = float(np.median(piece.annotated[counted][:, axis]))
        for part, half in enumerate(halves.values()):
            of_cells = (piece.annotated[:, axis] >= middle) == bool(part)
            of_candidates = (piece.positions[:, axis] >= middle) == bool(part)
            half.append(
                replace(
                    piece,
                    counted=_mask(piece.counted, len(piece.positions)) & of_candidates,
                    counted_annotated=counted & of_cells,
                )
            )
    return {name: replace(curve, pieces=half) for name, half in halves.items()}


def _mask(given: np.ndarray | None, count: int) -> np.ndarray:
    return np.ones(count, bool) if given is None else given


def _pieces(
    brain: TrialBrain, method: str, parameters: Mapping[str, Any], resources: Resources
) -> list[Piece]:
    parts: list[Part] = []
    for crop in brain.crops:
        parts += _parts_of(crop, method, parameters, resources)
    # Of all crops together, for contrasts are scaled by the brightness of a brain.
    table = gather(parts, method, **parameters)
    if not brain.partial:
        table = table.nlargest(MOST_PER_CELL * max(brain.annotated, 1), "contrast")
    positions, contrasts = table[AXES].to_numpy(float), table["contrast"].to_numpy(float)
    pieces = []
    for crop in brain.crops:
        here = crop.holds(positions)
        local = positions[here] - crop.origin
        pieces.append(
            Piece(
                local,
                contrasts[here],
                crop.annotated,
                crop.counts(local),
                crop.counts(crop.annotated),
            )
        )
    return pieces


def _parts_of(
    crop: Crop, method: str, parameters: Mapping[str, Any], resources: Resources
) -> list[Part]:
    """What detection finds in a crop, at positions in the brain."""
    found = list(detect_slab(crop.volume, method, resources=resources, **parameters))
    if create_detector(method, **parameters).measures_contrast_apart:
        centres = find_centres(crop.volume, method, found, **parameters)
        found = list(contrast_slab(crop.volume, method, centres, resources=resources, **parameters))
    return [part | {"positions": part["positions"] + crop.origin} for part in found]
