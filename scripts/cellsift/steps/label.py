"""Tell by the annotation which candidates are cells."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from cellsift.io.json_files import read_json, write_json
from cellsift.io.tables import read_table, write_table
from cellsift.labels.matching import label_candidates
from cellsift.labels.reached import FEW_CELLS, detection_in_words
from cellsift.settings.brains import Brain
from cellsift.steps.annotation import annotated_artefacts, annotated_cells


def label(
    brain: Brain,
    candidates: str | Path,
    found: str | Path,
    table: str | Path,
    summary: str | Path,
    tell: Callable[[str], None],
) -> None:
    """Write the candidates with a column `label` to `table` and `label_candidates`' `summary`.

    `brain` has its annotation and its settings of matching; `found` is what `preflight` wrote. What
    detection finds of the annotated cells is told, with what to change where that is too little,
    and what makes it likely that the annotation lies elsewhere. All of it is noted in the summary
    as well, under `told`.
    """
    labelled, counts = label_candidates(
        read_table(candidates),
        annotated_cells(brain),
        annotated_artefacts(brain),
        brain.voxel_size,
        brain.settings["matching"]["distance_um"],
        read_json(found)["signal"]["shape"],
    )
    whose = f"brain {brain.name}"
    _name_brain(counts, "warnings", f"{whose}, cells: {brain.cells}")
    _name_brain(counts, "detection_warnings", whose)
    said = f"{whose}: {detection_in_words(counts, _interval_of_few(counts))}"
    counts["told"] = [said, *counts["detection_warnings"], *counts["warnings"]]
    for sentence in counts["told"]:
        tell(sentence)
    write_table(labelled, table)
    write_json(counts, summary)


def _name_brain(counts: dict[str, Any], warnings: str, whose: str) -> None:
    """Let the warnings under this name say whose they are."""
    counts[warnings] = [f"{whose}: {doubt}" for doubt in counts[warnings]]


def _interval_of_few(counts: Mapping[str, Any]) -> tuple[float, float] | None:
    """The 95% interval of a recall that is uncertain; None of one of many cells, or none."""
    if not 0 < counts["annotated"] < FEW_CELLS:
        return None
    # Of use to few brains, and long to load.
    from cellsift.evaluation.intervals import wilson

    return wilson(counts["reached"], counts["annotated"])
