"""How many candidates to keep: a contrast threshold chosen on the annotated train brains."""

import math
from collections.abc import Collection, Mapping

import pandas as pd

from cellsift.errors import InputError
from cellsift.evaluation.recall_curve import Piece, RecallCurve
from cellsift.io.axes import AXES

# Of a recall that cannot be reached, this share of the best is asked for: the last cells may take
# any number of candidates.
NEARLY = 0.98
# Of the c-Fos volumes and the embryo's frames, left out in turn, most keep both the recall and the
# number of candidates with this share: with a lower one there are more candidates than wished for,
# with a higher one fewer cells.
WITHIN_SPAN = 0.6
# Where there is no span, as all brains are partial: this share of the highest threshold.
WITHOUT_SPAN = 0.85


def choose_contrast_threshold(
    candidates: Mapping[str, pd.DataFrame],
    annotated: Mapping[str, pd.DataFrame],
    voxel_sizes: Mapping[str, tuple[float, float, float]],
    distance_um: float,
    recall: float,
    candidates_per_cell: float | None = None,
    partial: Collection[str] = (),
    carry: bool = False,
) -> dict:
    """Choose one contrast threshold for all brains, from train brains with annotated cells.

    It reaches `recall` in every brain. Without `candidates_per_cell` it is the highest that does.
    With it, it is the lowest that keeps no more candidates than that for each annotated cell in
    every brain: no later step finds a cell that was not proposed, so what is allowed is used.
    With `carry` it is `carrying_threshold`'s: what is wished counts for brains to come, and what
    cannot be reached is no error.
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
        name: RecallCurve(
            [_piece(candidates[name], cells)], voxel_sizes[name], distance_um, name in partial
        )
        for name, cells in annotated.items()
    }
    if carry:
        threshold = carrying_threshold(list(brains.values()), recall, candidates_per_cell)
        return _chosen(brains, threshold, recall, candidates_per_cell, distance_um)
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
    return _chosen(brains, threshold, recall, candidates_per_cell, distance_um)


def _chosen(
    brains: Mapping[str, RecallCurve],
    threshold: float,
    recall: float,
    candidates_per_cell: float | None,
    distance_um: float,
) -> dict:
    return {
        "threshold": threshold,
        "wished_recall": float(recall),
        "allowed_candidates_per_cell": candidates_per_cell,
        "distance_um": float(distance_um),
        "brains": {name: brain.at(threshold) for name, brain in brains.items()},
    }


def carrying_threshold(
    curves: Collection[RecallCurve], recall: float, candidates_per_cell: float | None
) -> float:
    """The contrast threshold to use on brains that had no part in choosing it.

    On every given brain there is a span between the highest threshold that reaches the recall and
    the lowest that keeps no more than so many candidates for each annotated cell. On another brain
    its ends lie a little higher or lower, so the threshold lies well within the span that all have
    in common, `WITHIN_SPAN` of the way up on a logarithmic scale. Where there is none the recall
    comes first; where a brain cannot reach it, as much as it can, nearly. Partial brains say
    nothing about candidates per cell.
    """
    low = -math.inf
    for curve in curves:
        if candidates_per_cell is not None and not curve.partial:
            low = max(low, curve.lowest_threshold(candidates_per_cell))
    high = math.inf
    for curve in curves:
        found = curve.highest_threshold(recall)
        if found is None:
            best = curve.at(-math.inf)["recall"]
            found = curve.highest_threshold(min(recall, NEARLY * best))
        if found is not None:
            high = min(high, found)
    if not math.isfinite(high):
        # No brain has a candidate.
        return 0.0
    if low == -math.inf:
        # Nothing says how far down it may be.
        return high * WITHOUT_SPAN if high > 0 else high
    if not 0 < low < high:
        return high
    return float(low ** (1 - WITHIN_SPAN) * high**WITHIN_SPAN)


def _piece(candidates: pd.DataFrame, annotated: pd.DataFrame) -> Piece:
    return Piece(
        candidates[AXES].to_numpy(float),
        candidates["contrast"].to_numpy(float),
        annotated[AXES].to_numpy(float),
    )


def _refuse_missed(brains: dict[str, RecallCurve], thresholds: dict, recall: float) -> None:
    missed = [name for name, threshold in thresholds.items() if threshold is None]
    if missed:
        best = {name: brains[name].at(-math.inf)["recall"] for name in missed}
        found = ", ".join(f"{share:.3f} in brain {name}" for name, share in best.items())
        raise InputError(
            f"the wished recall of detection, {recall:g}, cannot be reached: all candidates "
            f"together reach {found}; wish for less under detection, keep, or change the "
            "detector's parameters so that it proposes more"
        )


def _refuse_all_partial(brains: dict[str, RecallCurve], whole: dict[str, RecallCurve]) -> None:
    if not whole:
        raise InputError(
            f"all annotated train brains ({', '.join(brains)}) have non_cells, so only some of "
            "their cells are annotated and candidates per cell cannot be counted: remove "
            "candidates_per_cell under detection, keep, or annotate one train brain completely and "
            "leave its non_cells empty"
        )


def _refuse_too_many(
    brains: dict[str, RecallCurve],
    whole: dict[str, RecallCurve],
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
