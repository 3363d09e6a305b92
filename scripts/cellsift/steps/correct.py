"""A brain's cells by what a labelled sample of it says of its scores."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cellsift.calibration.brain_threshold import brain_threshold, expected_at
from cellsift.evaluation.counts.words import evidence_in_words
from cellsift.io.axes import AXES
from cellsift.io.cells import write_cells_xml
from cellsift.io.json_files import read_json, write_json
from cellsift.io.tables import read_table, write_table
from cellsift.settings.brains import Brain
from cellsift.steps.brain_evidence import TrainFiles, evidence_of


def correct(
    brain: Brain,
    arm: str,
    cells: str | Path,
    model: str | Path,
    train: Mapping[str, Any],
    sample: Sequence[str | Path],
    seed: int,
    out: Mapping[str, str | Path],
) -> None:
    """Write the brain's candidates with a p_cell and a decision that suit it, as a table and XML.

    p_cell is what the train brains and the sample together say; of candidates that were drawn and
    labelled 1 or 0, whether or not others lie at the same cell, but for marked blocks, which say
    of each cell which candidate is its. The threshold is that of the highest F1 to expect by it,
    with caution, or of the recall that the arm was to reach. Where nothing was drawn and labelled,
    both stay as they were. The document tells how much was labelled, threshold, precision, recall
    and F1 to expect, before and after, and how many candidates without a label change sides,
    `to_cell` and `to_no_cell`. Both thresholds are of the arm's own p_cell, as `cells` has it.

    Args:
        brain: with its settings of matching.
        cells, model: its classified candidates, and the arm's model.json.
        train: the fields of `TrainFiles`.
        sample: what `sample` wrote: labels, blocks and cells of blocks.
        out: where to write, by name: `table`, `xml` and `document`.
    """
    classified = read_table(cells)
    evidence = evidence_of(brain, arm, classified, TrainFiles(**train), sample)
    calibration = read_json(model)["calibration"]
    before: dict[str, float | None] = {"threshold": calibration["threshold"]}
    called, own = evidence.is_cell, classified["p_cell"].to_numpy(float)
    changed = {"to_cell": 0, "to_no_cell": 0}
    in_blocks = len(evidence.in_blocks)
    sample_size = {
        "labels": len(evidence.labelled) - in_blocks,
        "blocks": len(evidence.blocks),
        "in_blocks": in_blocks,
    }
    if not evidence.labelled:
        corrected, after = classified, before
    else:
        posterior = evidence.posterior(seed)
        in_use = float(evidence.logits[called].min()) if called.any() else None
        cut, expected = brain_threshold(
            posterior, evidence.logits, calibration["criterion"], in_use, evidence.labels
        )
        before = before | expected_at(posterior, evidence.logits, called, evidence.labels)
        p_cell = np.round(posterior.p_cell(evidence.logits), 6)
        is_cell = evidence.logits >= cut
        same = bool((is_cell == called).all())
        after = {
            "threshold": before["threshold"] if same else float(own[is_cell].min()),
            **expected,
        }
        changed = _changed(called, is_cell, list(evidence.labelled))
        # What people have looked at is known.
        for row, part in evidence.labelled.items():
            is_cell[row] = p_cell[row] = part > 0
        corrected = classified[AXES].assign(p_cell=p_cell, is_cell=is_cell)
    write_table(corrected, out["table"])
    write_cells_xml(corrected, out["xml"])
    found = {"before": before, "after": after, "changed": changed}
    write_json(sample_size | found, out["document"])
    print(
        f"{int(classified['is_cell'].sum())} cells before, {int(corrected['is_cell'].sum())} with "
        f"{evidence_in_words(sample_size) or 'no label'} of this brain"
    )


def _changed(before: np.ndarray, after: np.ndarray, labelled: list[int]) -> dict[str, int]:
    """How many candidates without a label are called (n,) what they were not before (n,)."""
    unlabelled = np.ones(len(before), bool)
    unlabelled[labelled] = False
    return {
        "to_cell": int((after & ~before & unlabelled).sum()),
        "to_no_cell": int((before & ~after & unlabelled).sum()),
    }
