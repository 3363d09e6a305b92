"""How many candidates to keep: a contrast threshold chosen on the annotated train brains."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from cellsift.errors import InputError
from cellsift.evaluation.matching import AXES, match


def choose_contrast_threshold(
    candidates: Mapping[str, pd.DataFrame],
    annotated: Mapping[str, pd.DataFrame],
    voxel_sizes: Mapping[str, tuple[float, float, float]],
    distance_um: float,
    recall: float,
    candidates_per_cell: float | None = None,
) -> dict:
    """Choose the highest contrast threshold that reaches `recall` in every brain.

    By brain: `candidates` (columns z, y, x in voxels, contrast), `annotated` cells (z, y, x) and
    voxel sizes (z, y, x) in µm. A candidate is kept if its contrast is at least the threshold; an
    annotated cell is reached if it is matched one to one within `distance_um`.
    Returns a JSON-ready dict: threshold, the wishes, and for each brain under `brains` what the
    threshold gives there: annotated, reached, recall, candidates, candidates_per_cell.
    Raises InputError if no threshold reaches the recall, or if the one that does keeps more than
    `candidates_per_cell` candidates for each annotated cell of a brain.
    """
    if not 0 < recall <= 1:
        raise InputError(
            f"the wished recall of detection is {recall}; give a share above 0, up to 1"
        )
    annotated = {name: table for name, table in annotated.items() if len(table)}
    if not annotated:
        raise InputError(
            "no train brain has an annotated cell, so no contrast threshold can be chosen; "
            "annotate one, or set detection: {keep: null}"
        )
    brains = {
        name: _Brain(candidates[name], cells, voxel_sizes[name], distance_um)
        for name, cells in annotated.items()
    }
    thresholds = {name: brain.highest_threshold(recall) for name, brain in brains.items()}
    _refuse_missed(brains, thresholds, recall)
    threshold = min(thresholds.values())
    chosen = {
        "threshold": threshold,
        "wished_recall": float(recall),
        "wished_candidates_per_cell": candidates_per_cell,
        "distance_um": float(distance_um),
        "brains": {name: brain.at(threshold) for name, brain in brains.items()},
    }
    if candidates_per_cell is not None:
        _refuse_too_many(chosen, brains, candidates_per_cell)
    return chosen


class _Brain:
    """The candidates of one brain by falling contrast, against its annotated cells."""

    def __init__(self, candidates: pd.DataFrame, annotated: pd.DataFrame, voxel_size, distance_um):
        ordered = candidates.sort_values("contrast", ascending=False, kind="stable")
        self.positions = ordered[AXES].to_numpy(float)
        self.contrasts = ordered["contrast"].to_numpy(float)
        self.annotated = annotated[AXES].to_numpy(float)
        self.voxel_size, self.distance_um = voxel_size, distance_um

    def reached(self, count: int) -> int:
        """How many annotated cells the `count` candidates of highest contrast reach."""
        kept = self.positions[:count]
        return len(match(kept, self.annotated, self.voxel_size, self.distance_um))

    def highest_threshold(self, recall: float) -> float | None:
        """The highest contrast with which the recall is reached; None if no contrast does it."""
        # The tolerance keeps 0.95 of 20 cells at 19, whatever the rounding.
        needed = recall * len(self.annotated) * (1 - 1e-12)
        low, high = 0, len(self.contrasts)
        if self.reached(high) < needed:
            return None
        # More candidates never reach fewer cells, so the smallest number can be bisected.
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if self.reached(middle) >= needed else (middle, high)
        return float(self.contrasts[high - 1])

    def at(self, threshold: float) -> dict:
        """What a threshold gives in this brain, JSON-ready."""
        count, annotated = int((self.contrasts >= threshold).sum()), len(self.annotated)
        reached = self.reached(count)
        return {
            "annotated": annotated,
            "reached": reached,
            "recall": reached / annotated,
            "candidates": count,
            "candidates_per_cell": count / annotated,
        }

    def best_recall_within(self, candidates_per_cell: float) -> float:
        """The recall of as many candidates as are allowed, those of equal contrast together."""
        allowed = int(candidates_per_cell * len(self.annotated) * (1 + 1e-12))
        if allowed < len(self.contrasts):
            allowed = int((self.contrasts > self.contrasts[allowed]).sum())
        return self.reached(allowed) / len(self.annotated)


def _refuse_missed(brains: dict[str, _Brain], thresholds: dict, recall: float) -> None:
    missed = [name for name, threshold in thresholds.items() if threshold is None]
    if missed:
        best = {name: brains[name].at(-np.inf)["recall"] for name in missed}
        found = ", ".join(f"{share:.3f} in brain {name}" for name, share in best.items())
        raise InputError(
            f"the wished recall of detection, {recall:g}, cannot be reached: all candidates "
            f"together reach {found}; wish for less under detection, keep, or change the "
            "detector's parameters so that it proposes more"
        )


def _refuse_too_many(chosen: dict, brains: dict[str, _Brain], allowed: float) -> None:
    over = {
        name: found["candidates_per_cell"]
        for name, found in chosen["brains"].items()
        if found["candidates_per_cell"] > allowed
    }
    if over:
        found = ", ".join(
            f"{count:.2f} in brain {name} (its best recall within the limit: "
            f"{brains[name].best_recall_within(allowed):.3f})"
            for name, count in over.items()
        )
        raise InputError(
            f"the wished recall of detection, {chosen['wished_recall']:g}, takes more than "
            f"{allowed:g} candidates per annotated cell: {found}; under detection, keep, wish for "
            "a lower recall or allow more candidates"
        )
