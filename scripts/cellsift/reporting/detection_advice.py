"""What to change where detection misses cells or proposes too much, in plain sentences."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from cellsift.labels.reached import recall_text
from cellsift.reporting.detection_graphs import GOOD_RECALL, MANY_PER_CELL
from cellsift.reporting.detection_views import DetectionViews
from cellsift.reporting.tables import count_text

# A cause is told of where it is that of so large a share of the missed cells.
TOLD_SHARE = 0.2
# Nobody is told to wish for less.
WORTH_WISHING = 0.5
AUTO = "Or let cellsift choose: detection: {method: auto}."


@dataclass(frozen=True)
class Misses:
    """Why cells are missed, as numbers of them.

    Attributes:
        missed: all of them.
        shared: a candidate lies within the matching distance, but counts for a neighbour.
        beside: a candidate that is no other cell lies just beyond it, within twice the distance.
        faint, bright: of the others, those that stand out less than nearly all candidates that
            were found, and those that stand out as much; where that was measured.
    """

    missed: int
    shared: int = 0
    beside: int = 0
    faint: int = 0
    bright: int = 0


def misses_of(shown: DetectionViews, distance_um: float) -> Misses:
    """Count the missed cells of a brain by what is likely to be the reason."""
    missed = ~shown.found
    shared = missed & (shown.nearest_um <= distance_um)
    beside = missed & ~shared & (shown.free_um <= 2 * distance_um)
    rest = shown.cell_contrast[missed & ~shared & ~beside]
    found = shown.cell_contrast[shown.found & np.isfinite(shown.cell_contrast)]
    # All but the faintest twentieth of what was found.
    usual = np.quantile(found, 0.05) if len(found) else np.nan
    return Misses(
        int(missed.sum()),
        int(shared.sum()),
        int(beside.sum()),
        int((rest < usual).sum()),
        int((rest >= usual).sum()),
    )


def advice(
    brain: Mapping[str, Any],
    detection: Mapping[str, Any],
    misses: Misses,
    curve: pd.DataFrame,
    keep: Mapping[str, Any] | None = None,
    chosen: bool = False,
) -> list[str]:
    """Return what to change for a brain, as sentences; the first says how detection does.

    Args:
        brain: its dict of `evaluation.detection_summary`.
        detection: the method and its parameters.
        misses: why its cells are missed.
        curve: its table of `evaluation.detection_curve`.
        keep: what of the candidates is kept, None: all.
        chosen: whether a search has chosen the detection, which is then no advice.
    """
    if brain["recall"] is None:
        return ["No cell is annotated, so nothing can be said of detection here."]
    said = [_verdict(brain)]
    if brain["recall"] < GOOD_RECALL:
        said += _for_more_cells(brain, detection, misses, keep)
        said += [] if chosen else [AUTO]
    if (brain["candidates_per_cell"] or 0) > MANY_PER_CELL:
        said.append(_for_fewer_candidates(curve, brain["annotated"]))
    if brain["partial"]:
        said.append(
            "Only some of its cells are annotated (it has non_cells): how many candidates there "
            "are for each cell cannot be known, and a candidate where nothing is annotated may "
            "well be a cell. The recall is that of the annotated cells."
        )
    return said


def is_good(brain: Mapping[str, Any]) -> bool:
    """Whether a brain's detection needs no change."""
    enough = brain["recall"] is not None and brain["recall"] >= GOOD_RECALL
    return enough and (brain["candidates_per_cell"] or 0) <= MANY_PER_CELL


def _verdict(brain: Mapping[str, Any]) -> str:
    cells = f"{count_text(brain['reached'])} of {count_text(brain['annotated'])} annotated cells"
    recall = recall_text(brain["reached"], brain["annotated"])
    said = f"{cells} have a candidate (recall of detection {recall})"
    if brain["recall"] < GOOD_RECALL:
        missed = count_text(brain["missed"])
        return f"{said}: too few. No network can find the {missed} others."
    if brain["candidates_per_cell"] is None:
        return f"{said}: enough."
    per_cell = f"{brain['candidates_per_cell']:.1f} candidates for each cell"
    if brain["candidates_per_cell"] > MANY_PER_CELL:
        return f"{said}: enough, but there are {per_cell}, most of which are no cell."
    return f"{said}, with {per_cell}: good."


def _for_more_cells(
    brain: Mapping[str, Any],
    detection: Mapping[str, Any],
    misses: Misses,
    keep: Mapping[str, Any] | None,
) -> list[str]:
    said = []
    dropped = brain["reached_by_all"] - brain["reached"]
    if keep and dropped >= TOLD_SHARE * misses.missed:
        said.append(
            f"{count_text(dropped)} of the missed cells had a candidate that keep dropped: wish "
            "for a higher recall there, or allow more candidates_per_cell."
        )
    if misses.shared >= TOLD_SHARE * misses.missed:
        said.append(
            f"{count_text(misses.shared)} of the missed cells lie within {brain['distance_um']:g} "
            "µm of a candidate that counts for their neighbour: touching cells are taken for one. "
            f"Make soma_diameter smaller (now {detection['soma_diameter']:g} µm)"
            + (
                ", or soma_spread_factor, so that clusters are split."
                if detection["method"] == "cellfinder"
                else ", or set minimum_distance to less."
            )
        )
    if misses.beside >= TOLD_SHARE * misses.missed:
        said.append(
            f"{count_text(misses.beside)} of the missed cells have a candidate of their own "
            f"between {brain['distance_um']:g} and {2 * brain['distance_um']:g} µm away. Where the "
            "pictures show it on the same cell, raise distance_um under matching, or check the "
            "voxel size and the positions of the annotation."
        )
    rest = misses.missed - misses.shared - misses.beside
    if rest >= TOLD_SHARE * misses.missed:
        said += _for_missed_altogether(detection, misses)
    return said


def _for_missed_altogether(detection: Mapping[str, Any], misses: Misses) -> list[str]:
    """What helps where nothing was proposed near a cell: the threshold, or the size of somata."""
    faint = misses.faint > misses.bright
    soma = f"soma_diameter (now {detection['soma_diameter']:g} µm)"
    cause = (
        f"{count_text(misses.faint)} of the missed cells are fainter than nearly all that are found"
        if faint
        else "Most of the missed cells stand out as much as cells that are found"
    )
    if detection["method"] == "cellfinder":
        now = f"{detection['n_sds_above_mean_thresh']:g}"
        dark = " and set keep_dark_tiles: true if this is a crop without a dark margin"
        dark = "" if detection["keep_dark_tiles"] else dark
        return [
            f"{cause}: lower n_sds_above_mean_thresh (now {now}; 3 is low), set {soma} and the "
            f"balls (ball_xy_size, ball_z_size) to what the pictures show{dark}. For somata below "
            "some 10 µm, and where the signal is uneven, try method: dog."
        ]
    if detection["method"] == "dog" and faint:
        least = f"{detection['minimum_contrast']:g}"
        return [f"{cause}: lower minimum_contrast (now {least})."]
    if detection["method"] == "dog":
        blur = detection["axial_blur"]
        now = "empty: it follows soma_diameter" if blur is None else f"now {blur:g} µm"
        return [
            f"{cause}, so no threshold is at fault: set {soma} to what the pictures show, and "
            f"axial_blur ({now}) to less where cells lie close above "
            "each other."
        ]
    return [f"{cause}: try other parameters of {detection['method']}, {soma} first."]


def _for_fewer_candidates(curve: pd.DataFrame, annotated: int) -> str:
    keep = f"keep: {{recall: 0.95, candidates_per_cell: {MANY_PER_CELL}}}"
    said = f"To have fewer, write {keep} under detection, which drops those of low contrast"
    allowed = curve[curve["candidates"] <= MANY_PER_CELL * annotated]
    if len(allowed):
        left = round(allowed["recall"].iloc[-1] * annotated)
        recall = recall_text(left, annotated)
        said += f"; with {MANY_PER_CELL} for each cell the recall of detection would be {recall}"
        if WORTH_WISHING * annotated <= left < 0.95 * annotated:
            said += f", so wish for a recall of {recall} at most"
    return f"{said}."
