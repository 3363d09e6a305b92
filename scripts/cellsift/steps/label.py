"""Tell by the annotation which candidates are cells."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cellsift.annotation.brain import Annotation, annotation_of
from cellsift.annotation.quality import quality_in_words
from cellsift.annotation.words import agreement_in_words
from cellsift.io.axes import AXES, Shape
from cellsift.io.json_files import read_json, write_json
from cellsift.io.tables import read_table, write_table
from cellsift.labels.matching import is_near, label_candidates
from cellsift.labels.reached import FEW_CELLS, detection_in_words
from cellsift.settings.brains import Brain

if TYPE_CHECKING:
    import pandas as pd


def label(
    brain: Brain,
    candidates: str | Path,
    found: str | Path,
    table: str | Path,
    summary: str | Path,
    tell: Callable[[str], None],
    *,
    positions: str | Path | None = None,
    quality: str | Path | None = None,
) -> None:
    """Write the candidates with columns `label` and `judged` to `table`, and a `summary` of them.

    `brain` has its annotation, its file of candidates and its settings of matching; `found` is
    what `preflight` wrote. `judged` tells of each candidate whether the annotation says if it
    is a cell, should an arm call it one; the summary is that of `label_candidates`, with the
    annotators, how many cells each has `marked`, how many of those that count two or more have,
    `agreed_on`, their agreement, how many positions are in doubt, whether the annotation is
    `complete`, all cells of the volume annotated but those in doubt, and `where_complete`: of
    places where it is, planes perhaps, the annotated cells and those reached; null where there
    is no such place. What detection finds of the annotated cells is told, with what to change
    where that is too little, what makes it likely that the annotation lies elsewhere, and what
    of the annotation is left out. All of it is noted in the summary as well, under `told`.
    The merged annotation (`merging.merge_marks`) goes to `positions`, the table of its quality
    (`annotation.quality`) to `quality`, where they are given: CSV.
    """
    shape = read_json(found)["signal"]["shape"]
    labelled, counts, annotation = judged_candidates(brain, read_table(candidates), shape)
    judged_images = annotation.quality(shape[0])
    whose = f"brain {brain.name}"
    if brain.candidates is not None:
        whose += f", candidates of {brain.candidates}"
    _name_brain(counts, "warnings", f"brain {brain.name}, cells: {brain.cells}")
    _name_brain(counts, "detection_warnings", whose)
    said = [f"{detection_in_words(counts, interval_of_few(counts))}"]
    said += [agreement_in_words(counts), quality_in_words(judged_images)]
    counts["told"] = [
        *(f"{whose}: {sentence}" for sentence in said if sentence),
        *counts["detection_warnings"],
        *counts["warnings"],
    ]
    for sentence in counts["told"]:
        tell(sentence)
    for content, path in ((annotation.positions, positions), (judged_images, quality)):
        if path is not None:
            write_table(content, path)
    write_table(labelled, table)
    write_json(counts, summary)


def judged_candidates(
    brain: Brain, proposed: pd.DataFrame, shape: Shape | None = None
) -> tuple[pd.DataFrame, dict[str, Any], Annotation]:
    """The candidates `proposed` (z, y, x in voxels) with columns `label` and `judged`.

    As `label` has them. Also returns their summary without what is told, and the annotation.
    `shape` is that of the volume, where it is known.
    """
    annotation, distance_um = annotation_of(brain), brain.settings["matching"]["distance_um"]
    complete = annotation.complete_at(proposed[AXES].to_numpy())
    labelled, counts = label_candidates(
        proposed,
        annotation.cells,
        annotation.artefacts,
        brain.voxel_size,
        distance_um,
        shape,
        annotation.in_doubt,
        complete,
        brain.candidates,
    )
    near_doubt = is_near(proposed, annotation.in_doubt, brain.voxel_size, distance_um)
    labelled["judged"] = complete & ~near_doubt
    counts["annotators"] = annotation.annotators
    counts["marked"], counts["agreed_on"] = annotation.marked, annotation.agreed_on
    counts["in_doubt"] = len(annotation.in_doubt)
    counts["agreement"] = annotation.agreement
    counts["complete"] = annotation.is_complete_everywhere
    counts["where_complete"] = _where_complete(annotation, counts["missed"])
    return labelled, counts, annotation


def _where_complete(annotation: Annotation, missed: Sequence[int]) -> dict[str, int] | None:
    """The cells of places where all are annotated, and those of them that are not `missed`."""
    if not annotation.is_complete_somewhere:
        return None
    there = annotation.complete_at(annotation.cells[AXES].to_numpy())
    reached = there.copy()
    reached[list(missed)] = False
    return {"annotated": int(there.sum()), "reached": int(reached.sum())}


def _name_brain(counts: dict[str, Any], warnings: str, whose: str) -> None:
    """Let the warnings under this name say whose they are."""
    counts[warnings] = [f"{whose}: {doubt}" for doubt in counts[warnings]]


def interval_of_few(counts: Mapping[str, Any]) -> tuple[float, float] | None:
    """The 95% interval of a recall that is uncertain; None of one of many cells, or none."""
    if not 0 < counts["annotated"] < FEW_CELLS:
        return None
    # Of use to few brains, and long to load.
    from cellsift.evaluation.intervals import wilson

    return wilson(counts["reached"], counts["annotated"])
