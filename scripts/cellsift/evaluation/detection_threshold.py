"""How many candidates to keep: a contrast threshold chosen on the annotated train brains."""

import math
from collections.abc import Collection, Mapping

import pandas as pd

from cellsift.errors import InputError
from cellsift.io.names import AXES
from cellsift.labels.matching import match


def choose_contrast_threshold(
    candidates: Mapping[str, pd.DataFrame],
    annotated: Mapping[str, pd.DataFrame],
    voxel_sizes: Mapping[str, tuple[float, float, float]],
    distance_um: float,
    recall: float,
    candidates_per_cell: float | None = None,
    partial: Collection[str] = (),
) -> dict:
    """Choose one contrast threshold for all brains, from train brains with annotated cells.

    It reaches `recall` in every brain. Without `candidates_per_cell` it is the highest that does.
    With it, it is the lowest that keeps no more candidates than that for each annotated cell in
    every brain: no later step finds a cell that was not proposed, so what is allowed is used.
    Brains in `partial`, of whose cells only some are annotated, have no say in that number.

    By brain: `candidates` (columns z, y, x in voxels, contrast), `annotated` cells (z, y, x) and
    voxel sizes (z, y, x) in µm. A candidate is kept if its contrast is at least the threshold; an
    annotated cell is reached if it is matched one to one within `distance_um`.
    Returns a JSON-ready dict: threshold, the wishes, and for each brain under `brains` what the
    threshold gives there: annotated, reached, recall, candidates, candidates_per_cell (None in
    partial brains). Raises InputError if no threshold reaches the recall, or none does with so few
    candidates, or if these are limited but every brain is partial.
    """
    if not 0 < recall <= 1:
        raise InputError(
            f"the wished recall of detection is {recall}; give a share above 0, up to 1"
        )
    annotated = {name: table for name, table in annotated.items() if len(table)}
    if not annotated:
        raise InputError(
            "no train brain has an annotated cell, so no contrast threshold can be chosen; "
            "annotate one, or set keep: null under detection"
        )
    brains = {
        name: _Brain(candidates[name], cells, voxel_sizes[name], distance_um, name in partial)
        for name, cells in annotated.items()
    }
    highest = {name: brain.highest_threshold(recall) for name, brain in brains.items()}
    _refuse_missed(brains, highest, recall)
    threshold = min(value for value in highest.values() if value is not None)
    if candidates_per_cell is not None:
        whole = {name: brain for name, brain in brains.items() if not brain.partial}
        _refuse_all_partial(brains, whole)
        lowest = max(brain.lowest_threshold(candidates_per_cell) for brain in whole.values())
        if lowest > threshold:
            _refuse_too_many(brains, whole, threshold, lowest, recall, candidates_per_cell)
        threshold = lowest
    return {
        "threshold": threshold,
        "wished_recall": float(recall),
        "allowed_candidates_per_cell": candidates_per_cell,
        "distance_um": float(distance_um),
        "brains": {name: brain.at(threshold) for name, brain in brains.items()},
    }


class _Brain:
    """The candidates of one brain by falling contrast, against its annotated cells."""

    def __init__(
        self,
        candidates: pd.DataFrame,
        annotated: pd.DataFrame,
        voxel_size: tuple[float, float, float],
        distance_um: float,
        partial: bool,
    ):
        ordered = candidates.sort_values("contrast", ascending=False, kind="stable")
        self.positions = ordered[AXES].to_numpy(float)
        self.contrasts = ordered["contrast"].to_numpy(float)
        self.annotated = annotated[AXES].to_numpy(float)
        self.voxel_size, self.distance_um = voxel_size, distance_um
        self.partial = partial

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
            "candidates_per_cell": None if self.partial else count / annotated,
        }

    def lowest_threshold(self, candidates_per_cell: float) -> float:
        """The lowest contrast with which no more candidates are kept than allowed."""
        allowed = int(candidates_per_cell * len(self.annotated) * (1 + 1e-12))
        if allowed < len(self.contrasts):
            # Candidates of equal contrast are kept or dropped together.
            allowed = int((self.contrasts > self.contrasts[allowed]).sum())
            return float(self.contrasts[allowed - 1]) if allowed else math.inf
        return float(self.contrasts[-1])


def _refuse_missed(brains: dict[str, _Brain], thresholds: dict, recall: float) -> None:
    missed = [name for name, threshold in thresholds.items() if threshold is None]
    if missed:
        best = {name: brains[name].at(-math.inf)["recall"] for name in missed}
        found = ", ".join(f"{share:.3f} in brain {name}" for name, share in best.items())
        raise InputError(
            f"the wished recall of detection, {recall:g}, cannot be reached: all candidates "
            f"together reach {found}; wish for less under detection, keep, or change the "
            "detector's parameters so that it proposes more"
        )


def _refuse_all_partial(brains: dict[str, _Brain], whole: dict[str, _Brain]) -> None:
    if not whole:
        raise InputError(
            f"all annotated train brains ({', '.join(brains)}) have non_cells, so only some of "
            "their cells are annotated and candidates per cell cannot be counted: remove "
            "candidates_per_cell under detection, keep, or annotate one train brain completely and "
            "leave its non_cells empty"
        )


def _refuse_too_many(
    brains: dict[str, _Brain],
    whole: dict[str, _Brain],
    for_recall: float,
    allowed: float,
    recall: float,
    per_cell: float,
) -> None:
    needed = max(brain.at(for_recall)["candidates_per_cell"] for brain in whole.values())
    best = min(brain.at(allowed)["recall"] for brain in brains.values())
    raise InputError(
        f"the wished recall of detection, {recall:g}, takes {needed:.2f} candidates per annotated "
        f"cell and {per_cell:g} are allowed, with which every train brain reaches {best:.3f}; "
        "under detection, keep, wish for a lower recall or allow more candidates"
    )
