"""What detection alone does on the annotated train brains."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from cellsift.errors import InputError
from cellsift.evaluation.detection_curve import detection_curve
from cellsift.evaluation.detection_summary import DetectedBrain
from cellsift.evaluation.detection_summary import summarise_detection as summarise
from cellsift.io.axes import AXES
from cellsift.io.json_files import read_json, write_json
from cellsift.io.tables import read_table, write_table
from cellsift.labels.placement import clearest, doubts_of_placement
from cellsift.settings.brains import Brain
from cellsift.steps.annotation import annotated_cells, annotated_in_part


def summarise_detection(
    brains: Sequence[Brain],
    detected: Sequence[str | Path],
    found: Sequence[str | Path],
    keep: Mapping[str, Any] | None,
    seed: int,
    summary: str | Path,
    curves: str | Path,
    tell: Callable[[str], None],
    *,
    given: Sequence[str] = (),
) -> None:
    """Write how many annotated cells have a candidate to `summary`, and what fewer would reach.

    Args:
        brains: annotated train brains, with their settings of matching.
        detected, found: of each all its candidates, and what `preflight` wrote.
        keep: what of detection is to be kept.
        seed: of the draws behind the intervals.
        summary: JSON of `evaluation.detection_summary`, each brain with `warnings` as well.
        curves: CSV of `evaluation.detection_curve`, with a column brain.
        tell: is called with what makes it likely that an annotation lies elsewhere.
        given: the train brains whose candidates another program has found; they are noted.

    Raises InputError where there is no brain to detect in.
    """
    if not brains:
        raise InputError(_nothing_to_try(given))
    known = [_detected(brain, path) for brain, path in zip(brains, detected, strict=True)]
    content = summarise(known, keep, seed) | {"given": list(given)}
    for row, brain, one, path in zip(content["brains"], brains, known, found, strict=True):
        doubts = doubts_of_placement(
            clearest(one.candidates, len(one.annotation)),
            one.annotation[AXES].to_numpy(),
            brain.voxel_size,
            one.distance_um,
            read_json(path)["signal"]["shape"],
        )
        row["warnings"] = [f"brain {brain.name}, cells: {brain.cells}: {said}" for said in doubts]
        for warning in row["warnings"]:
            tell(warning)
    tables = {
        one.name: detection_curve(one.candidates, one.annotation, one.voxel_size, one.distance_um)
        for one in known
    }
    write_table(pd.concat(tables, names=["brain", None]).reset_index("brain"), curves)
    write_json(content, summary)


def _nothing_to_try(given: Sequence[str]) -> str:
    if given:
        return (
            f"the annotated train brains ({', '.join(given)}) have candidates of their own, so "
            "that there is no detection to try; what share of their cells has a candidate the "
            "whole run tells, or cellsift label"
        )
    return (
        "no train brain is annotated, so that nothing tells what detection finds; give one of the "
        "table of brains a file in its column cells"
    )


def _detected(brain: Brain, path: str | Path) -> DetectedBrain:
    return DetectedBrain(
        brain.name,
        read_table(path),
        annotated_cells(brain),
        brain.voxel_size,
        brain.settings["matching"]["distance_um"],
        partial=annotated_in_part(brain),
    )
