"""The number of cells in a brain, with its interval."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cellsift.annotation.drawing import blocks_to_draw
from cellsift.evaluation.counts.estimate import Evidence, count_cells
from cellsift.evaluation.counts.further import (
    FurtherBlocks,
    cells_in_further_blocks,
    what_labels_buy,
)
from cellsift.evaluation.counts.words import count_in_words, is_unmeasured, unused_in_words
from cellsift.io.axes import AXES, per_axis
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
    answers: str | Path | None = None,
    corrected_with: Sequence[str] = (),
    summary: str | Path | None = None,
    alarm: str | Path | None = None,
    volumes: str | Path | None = None,
    wish: Mapping[str, Any] | None = None,
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
            brain are annotated, and with it why answers do not count that people gave.
        answers: the summary that `sample` wrote, where people gave any.
        corrected_with: what `counts: corrected` has to be for them to count; empty where they do.
        summary: what `label` wrote of the brain, if it is annotated.
        alarm: what `compare` wrote of the brain: under alarm the count is told as unmeasured,
            unless it rests on a sample.
        volumes: what `accept_volumes` wrote, and `wish`, the config's `annotation`: what blocks are
            like that `suggest` draws, so that it can be told what they would buy.
    """
    tables, arms = [], {}
    train = TrainFiles(train_labels, train_summaries, train_cells, folds)
    for arm, path in cells.items():
        classified = read_table(path)
        evidence = evidence_of(brain, arm, classified, train, sample)
        counted = count_cells(evidence, seed)
        tables.append(counted.assign(arm=arm))
        blocks = _further_blocks(brain, classified, evidence, volumes, wish)
        arms[arm] = _of_arm(evidence, counted, seed, blocks)
    counts = pd.concat(tables, ignore_index=True)
    write_table(counts[["arm", *counts.columns.drop("arm")]], table)
    best = max(cells, key=lambda arm: read_json(models[arm])["calibration"]["f1"])
    found = {
        "train_brains": train.telling(brain.name),
        "spread_known": train.spread_known,
        "corrected": bool((counts["labels"] + counts["blocks"]).any()),
        "corrected_with": list(corrected_with),
        "answers": _number_of(answers),
        "best_out_of_fold": best,
        "arms": arms,
    }
    unused = unused_in_words(found)
    # Of a brain whose cells are all annotated people know the number.
    if summary is None or not read_json(summary)["complete"]:
        unlike = alarm is not None and bool(read_json(alarm)["alarm"])
        unmeasured = is_unmeasured(arms[best], unlike, annotated=False)
        tell(count_in_words(brain.name, best, arms[best], unused, unmeasured))
    elif unused:
        tell(f"brain {brain.name}: {unused}")
    write_json(found, document)


def _number_of(answers: str | Path | None) -> dict[str, int]:
    """How many labels and blocks people have given."""
    given = read_json(answers) if answers else {}
    return {kind: given.get(kind, 0) for kind in ("labels", "blocks")}


def _further_blocks(
    brain: Brain,
    cells: pd.DataFrame,
    evidence: Evidence,
    volumes: str | Path | None,
    wish: Mapping[str, Any] | None,
) -> FurtherBlocks | None:
    """The blocks of which `suggest` draws; nothing where no more is known of them."""
    if volumes is None or wish is None or not wish["blocks"] or cells.empty:
        return None
    candidates = cells[AXES].to_numpy(float)
    boxes, block_of = blocks_to_draw(
        per_axis(read_json(volumes)["signal"]["shape"]),
        brain.voxel_size,
        candidates,
        cells["p_cell"].to_numpy(float),
        wish["blocks"],
        wish["block_um"],
    )
    distance_um = brain.settings["matching"]["distance_um"]
    called = np.bincount(block_of, cells["is_cell"], minlength=len(boxes))
    in_block = cells_in_further_blocks(
        evidence.blocks, float(np.average(called, weights=boxes["probability"]))
    )
    return FurtherBlocks.of_boxes(
        boxes, block_of, candidates, brain.voxel_size, distance_um, in_block
    )


def _of_arm(
    evidence: Evidence, counted: pd.DataFrame, seed: int, further: FurtherBlocks | None
) -> dict[str, Any]:
    whole = counted.iloc[0].drop("region").astype(int).to_dict()
    if not whole["candidates"]:
        return whole | {"further": []}
    buys = what_labels_buy(evidence, seed, blocks=further).round({"width": 4})
    return whole | {
        "cells_per_block": round(further.cells, 1) if further else 0.0,
        "block_cells": int(evidence.blocks.cells.sum()),
        "block_cells_found": int(evidence.blocks.found.sum()),
        "sharing": sum(0 < part < 1 for part in evidence.labelled.values()),
        "between_brains": evidence.between.to_dict(),
        "further": buys.to_dict("records"),
    }
