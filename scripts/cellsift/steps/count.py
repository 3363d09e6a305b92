"""The number of cells in a brain, with its interval."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from cellsift.evaluation.counts.estimate import Evidence, count_cells, what_labels_buy
from cellsift.evaluation.counts.words import count_in_words
from cellsift.io.json_files import read_json, write_json
from cellsift.io.tables import read_table, write_table
from cellsift.settings.brains import Brain
from cellsift.steps.brain_evidence import TrainFiles, evidence_of


def count(
    brain: Brain,
    cells: Mapping[str, str | Path],
    models: Mapping[str, str | Path],
    train_labels: Mapping[str, str | Path],
    train_summaries: Mapping[str, str | Path],
    train_cells: Mapping[tuple[str, str], str | Path],
    folds: str | Path,
    sample: Sequence[str | Path],
    seed: int,
    table: str | Path,
    document: str | Path,
    tell: Callable[[str], None],
    *,
    summary: str | Path | None = None,
) -> None:
    """Write the counts of a brain by each arm to `table`, and what they rest on to `document`.

    Args:
        brain: with its settings of matching.
        cells: by arm, its classified candidates.
        models: by arm, its model.json.
        train_labels, train_summaries: by train brain, what `label` wrote; these brains tell how
            brains differ.
        train_cells: by train brain and arm, the candidates with their out-of-fold p_cell.
        folds: the table of `folds`.
        sample: what `sample` wrote of this brain: labels, blocks and cells of blocks; nothing where
            it is not to correct the brain.
        tell: is called with the count by the arm that did best out of fold, unless all cells of the
            brain are annotated.
        summary: what `label` wrote of the brain, if it is annotated.
    """
    tables, arms = [], {}
    train = TrainFiles(train_labels, train_summaries, train_cells, folds)
    for arm, path in cells.items():
        evidence = evidence_of(brain, arm, read_table(path), train, sample)
        counted = count_cells(evidence, seed)
        tables.append(counted.assign(arm=arm))
        arms[arm] = _of_arm(evidence, counted, seed)
    counts = pd.concat(tables, ignore_index=True)
    write_table(counts[["arm", *counts.columns.drop("arm")]], table)
    best = max(cells, key=lambda arm: read_json(models[arm])["calibration"]["f1"])
    found = {
        "train_brains": train.telling(brain.name),
        "spread_known": train.spread_known,
        "corrected": bool(sample),
        "best_out_of_fold": best,
        "arms": arms,
    }
    # Of a brain whose cells are all annotated people know the number.
    if summary is None or not read_json(summary)["complete"]:
        tell(count_in_words(brain.name, best, arms[best]))
    write_json(found, document)


def _of_arm(evidence: Evidence, counted: pd.DataFrame, seed: int) -> dict[str, Any]:
    whole = counted.iloc[0].drop("region").astype(int).to_dict()
    if not whole["candidates"]:
        return whole | {"further": []}
    buys = what_labels_buy(evidence, seed).round({"width": 4})
    return whole | {
        "block_cells": int(evidence.blocks.cells.sum()),
        "block_cells_found": int(evidence.blocks.found.sum()),
        "sharing": sum(0 < part < 1 for part in evidence.labelled.values()),
        "between_brains": evidence.between.to_dict(),
        "further": buys.to_dict("records"),
    }
