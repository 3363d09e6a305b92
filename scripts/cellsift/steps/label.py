"""Tell by the annotation which candidates are cells."""

from collections.abc import Callable
from pathlib import Path

from cellsift.io.json_files import read_json, write_json
from cellsift.io.tables import read_table, write_table
from cellsift.labels.matching import label_candidates
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
    makes it likely that the annotation lies elsewhere is told as well as noted in the summary.
    """
    labelled, counts = label_candidates(
        read_table(candidates),
        annotated_cells(brain),
        annotated_artefacts(brain),
        brain.voxel_size,
        brain.settings["matching"]["distance_um"],
        read_json(found)["signal"]["shape"],
    )
    whose = f"brain {brain.name}, cells: {brain.cells}"
    counts["warnings"] = [f"{whose}: {doubt}" for doubt in counts["warnings"]]
    for warning in counts["warnings"]:
        tell(warning)
    write_table(labelled, table)
    write_json(counts, summary)
