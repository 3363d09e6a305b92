"""What detection alone does on annotated brains, before any network is trained."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from cellsift.errors import InputError
from cellsift.evaluation.detection_threshold import choose_contrast_threshold
from cellsift.evaluation.end_to_end import detection_metrics
from cellsift.io.axes import AXES, Size
from cellsift.labels.matching import match


@dataclass(frozen=True)
class DetectedBrain:
    """An annotated brain with all its candidates.

    `candidates` has the columns z, y, x (voxels) and contrast, `annotation` z, y, x; `partial`
    means that only some of its cells are annotated. `voxel_size` is z, y, x in µm.
    """

    name: str
    candidates: pd.DataFrame
    annotation: pd.DataFrame
    voxel_size: Size
    distance_um: float
    partial: bool = False

    def kept(self, threshold: float | None) -> pd.DataFrame:
        """The candidates that reach a contrast; all where it is None."""
        if threshold is None:
            return self.candidates
        return self.candidates[self.candidates["contrast"] >= threshold]


def summarise_detection(
    brains: Sequence[DetectedBrain],
    keep: Mapping[str, Any] | None,
    seed: int,
) -> dict:
    """Return, JSON-ready, what detection does on these brains.

    `threshold` is the contrast that `keep` asks for (None: all candidates stay), and `refused` why
    there is none that fulfils it: then all stay here. `brains` has a dict for each: brain, partial,
    distance_um, annotated, detected (all candidates), candidates (those kept), reached, missed,
    reached_by_all (by all that were detected), recall with its 95% interval low and high,
    candidates_per_cell; what cannot be known is None.
    """
    threshold, refused = _threshold(brains, keep)
    return {
        "keep": None if keep is None else dict(keep),
        "threshold": threshold,
        "refused": refused,
        "brains": [_of_brain(brain, threshold, seed) for brain in brains],
    }


def _threshold(
    brains: Sequence[DetectedBrain], keep: Mapping[str, Any] | None
) -> tuple[float | None, str | None]:
    if keep is None or "contrast" in keep:
        return (None if keep is None else keep["contrast"]), None
    try:
        chosen = choose_contrast_threshold(
            {brain.name: brain.candidates for brain in brains},
            {brain.name: brain.annotation for brain in brains},
            {brain.name: brain.voxel_size for brain in brains},
            max(brain.distance_um for brain in brains),
            **keep,
            partial=[brain.name for brain in brains if brain.partial],
        )
    except InputError as refusal:
        return None, str(refusal)
    return chosen["threshold"], None


def _of_brain(brain: DetectedBrain, threshold: float | None, seed: int) -> dict:
    kept = brain.kept(threshold)
    found = _metrics(brain, kept, seed)
    annotated, recall = len(brain.annotation), found.loc["recall"]
    reached = _reached(brain, kept)
    per_cell = math.nan if brain.partial else found.at["candidates_per_cell", "value"]
    return {
        "brain": brain.name,
        "partial": brain.partial,
        "distance_um": float(brain.distance_um),
        "annotated": annotated,
        "detected": len(brain.candidates),
        "candidates": len(kept),
        "reached": reached,
        "missed": annotated - reached,
        "reached_by_all": _reached(brain, brain.candidates),
        "recall": _known(recall["value"]),
        "low": _known(recall["low"]),
        "high": _known(recall["high"]),
        "candidates_per_cell": _known(per_cell),
    }


def _metrics(brain: DetectedBrain, kept: pd.DataFrame, seed: int) -> pd.DataFrame:
    place = brain.voxel_size, brain.distance_um
    return detection_metrics(kept, brain.annotation, *place, seed).set_index("metric")


def _reached(brain: DetectedBrain, kept: pd.DataFrame) -> int:
    points = kept[AXES].to_numpy(), brain.annotation[AXES].to_numpy()
    return len(match(*points, brain.voxel_size, brain.distance_um))


def _known(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
