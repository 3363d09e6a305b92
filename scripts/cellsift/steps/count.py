"""The number of cells in a brain, with its interval."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cellsift.annotation.drawing import blocks_to_draw
from cellsift.evaluation.counts.along_thresholds import along_thresholds
from cellsift.evaluation.counts.block_rows import block_rows
from cellsift.evaluation.counts.estimate import ALL, Evidence, count_cells
from cellsift.evaluation.counts.further import (
    FurtherBlocks,
    cells_in_further_blocks,
    what_labels_buy,
)
from cellsift.evaluation.counts.words import count_in_words, is_unmeasured, unused_in_words
from cellsift.io.axes import AXES, Shape, per_axis
from cellsift.io.json_files import read_json, write_json
from cellsift.io.names import CELL
from cellsift.io.tables import read_table, write_table
from cellsift.settings.brains import Brain
from cellsift.steps.brain_evidence import TrainFiles, evidence_of

# What a page shows of a region's row.
SHOWN = (
    *("region", "candidates", "naive", "count", "low", "high", "among_candidates"),
    *("labels", "in_blocks"),
)


@dataclass(frozen=True)
class KnownOfBrain:
    """What earlier steps wrote of the brain that is counted, or nothing where there is none of it.

    - volumes: what `accept_volumes` wrote;
    - sample: what `sample` wrote, labels, blocks and cells of blocks; empty where it is not to
      correct the brain; answers: its summary, where people gave any;
    - summary: what `label` wrote, if the brain is annotated;
    - alarm: what `compare` wrote: under alarm the count is told as unmeasured, unless it rests on a
      sample;
    - regions: what `check_regions` wrote, if the brain has an image of them.
    """

    volumes: str | Path
    sample: Sequence[str | Path] = ()
    answers: str | Path | None = None
    summary: str | Path | None = None
    alarm: str | Path | None = None
    regions: str | Path | None = None

    @property
    def doubts_of_regions(self) -> list[str]:
        return list(read_json(self.regions)["warnings"]) if self.regions else []

    @property
    def shape(self) -> Shape:
        return per_axis(read_json(self.volumes)["signal"]["shape"])

    @property
    def given(self) -> dict[str, int]:
        """How many labels and blocks people have given."""
        given = read_json(self.answers) if self.answers else {}
        return {kind: given.get(kind, 0) for kind in ("labels", "blocks")}

    @property
    def annotated_wholly(self) -> bool:
        return self.summary is not None and bool(read_json(self.summary)["complete"])

    @property
    def unlike(self) -> bool:
        return self.alarm is not None and bool(read_json(self.alarm)["alarm"])


def count(
    brain: Brain,
    cells: Mapping[str, str | Path],
    models: Mapping[str, str | Path],
    train: Mapping[str, Any],
    known: Mapping[str, Any],
    seed: int,
    table: str | Path,
    document: str | Path,
    tell: Callable[[str], None],
    *,
    corrected_with: Sequence[str] = (),
    wish: Mapping[str, Any] | None = None,
) -> None:
    """Write the counts of a brain by each arm to `table`, and what they rest on to `document`.

    The table has a row for each arm and the whole brain, each of its regions, if it has any, and
    each block in which every cell was marked.

    Args:
        brain: with its settings of matching, and its image of regions.
        cells: by arm, its classified candidates.
        models: by arm, its model.json.
        train: the fields of `TrainFiles`; these brains tell how brains differ.
        known: the fields of `KnownOfBrain`.
        tell: is called with the count by the arm that did best out of fold, or, of finished models
            alone, by the first, unless all cells of the brain are annotated, and with it why
            answers do not count that people gave.
        corrected_with: what `counts: corrected` has to be for them to count; empty where they do.
        wish: the config's `annotation`: what blocks are like that `suggest` draws, so that it can
            be told what they would buy.

    Raises InputError for an image of regions that cannot be read.
    """
    own, of_train = KnownOfBrain(**known), TrainFiles(**train)
    regions = _regions(brain, read_table(next(iter(cells.values()))), own.shape)
    doubts = own.doubts_of_regions
    if beyond := _all_outside(brain, regions):
        tell(beyond)
        doubts.append(beyond)
    tables, arms = [], {}
    for arm, path in cells.items():
        classified = read_table(path)
        evidence = evidence_of(brain, arm, classified, of_train, own.sample)
        counted = count_cells(evidence, seed, regions)
        marked = _marked_blocks(brain, classified, own.sample)
        tables.append(pd.concat([counted, marked], ignore_index=True).assign(arm=arm))
        blocks = _further_blocks(brain, classified, evidence, own.shape, wish)
        along = along_thresholds(evidence, classified["p_cell"], threshold_of(models[arm]), seed)
        arms[arm] = _of_arm(evidence, counted, seed, blocks) | {
            "marked_blocks": _rows(marked),
            "thresholds": along.round(4).to_dict("list"),
        }
    counts = pd.concat(tables, ignore_index=True)
    write_table(counts[["arm", *counts.columns.drop("arm")]], table)
    best, out_of_fold = _best(models)
    found = {
        "train_brains": of_train.telling(brain.name),
        "has_train": bool(of_train.labels),
        "spread_known": of_train.spread_known,
        "corrected": any(of_arm["labels"] + of_arm["blocks"] for of_arm in arms.values()),
        "corrected_with": list(corrected_with),
        "answers": own.given,
        "best_out_of_fold": best,
        "out_of_fold": out_of_fold,
        "doubts_of_regions": doubts,
        "arms": arms,
    }
    unused = unused_in_words(found)
    # Of a brain whose cells are all annotated people know the number.
    if not own.annotated_wholly:
        unmeasured = is_unmeasured(arms[best], own.unlike, annotated=False)
        has_train = bool(of_train.labels)
        tell(count_in_words(brain.name, best, arms[best], unused, unmeasured, has_train))
    elif unused:
        tell(f"brain {brain.name}: {unused}")
    write_json(found, document)


def threshold_of(model: str | Path) -> float:
    """The p_cell from which an arm calls a cell, of its model.json."""
    return float(read_json(model)["threshold"])


def _best(models: Mapping[str, str | Path]) -> tuple[str, bool]:
    """The arm of the highest F1 out of fold, and True; of finished models alone the first, False.

    What a finished model was measured by is other brains.
    """
    described = {arm: read_json(path) for arm, path in models.items()}
    trained = {arm: found for arm, found in described.items() if "finished" not in found}
    if not trained:
        return next(iter(models)), False
    return max(trained, key=lambda arm: trained[arm]["calibration"]["f1"]), True


def _regions(brain: Brain, cells: pd.DataFrame, shape: Shape) -> pd.Categorical | None:
    """The region of each candidate (n,), if the brain has an image of them."""
    if brain.regions is None:
        return None
    # What reads volumes takes long to load, and most brains have no regions.
    from cellsift.atlas.regions import open_regions

    return open_regions(brain.regions, brain.region_names).at(cells[AXES].to_numpy(float), shape)


def _all_outside(brain: Brain, regions: pd.Categorical | None) -> str | None:
    """What is doubtful about regions in which no candidate lies."""
    if regions is None or not len(regions):
        return None
    from cellsift.atlas.regions import OUTSIDE

    if set(regions) != {OUTSIDE}:
        return None
    return (
        f"brain {brain.name}, regions: {brain.regions}: all {len(regions):,} candidates lie where "
        "it is 0, outside of every region. It has to lie as the signal does, with the same axes "
        "and the same ends"
    )


def _marked_blocks(
    brain: Brain, cells: pd.DataFrame, sample: Sequence[str | Path]
) -> pd.DataFrame | None:
    """A row for each block of the brain in which every cell was marked."""
    if not sample:
        return None
    _, boxes, marked = map(read_table, sample)
    distance_um = brain.settings["matching"]["distance_um"]
    return block_rows(boxes, marked[marked["kind"] == CELL], cells, brain.voxel_size, distance_um)


def _further_blocks(
    brain: Brain,
    cells: pd.DataFrame,
    evidence: Evidence,
    shape: Shape,
    wish: Mapping[str, Any] | None,
) -> FurtherBlocks | None:
    """The blocks of which `suggest` draws; nothing where no more is known of them."""
    if wish is None or not wish["blocks"] or cells.empty:
        return None
    candidates = cells[AXES].to_numpy(float)
    boxes, block_of = blocks_to_draw(
        shape,
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
        return whole | {"further": [], "regions": []}
    buys = what_labels_buy(evidence, seed, blocks=further).round({"width": 4})
    return whole | {
        "cells_per_block": round(further.cells, 1) if further else 0.0,
        "block_cells": int(evidence.blocks.cells.sum()),
        "block_cells_found": int(evidence.blocks.found.sum()),
        "sharing": sum(0 < part < 1 for part in evidence.labelled.values()),
        "between_brains": evidence.between.to_dict(),
        "between_places": round(evidence.between_places, 4),
        "regions": _rows(counted[counted["region"] != ALL]),
        "further": buys.to_dict("records"),
    }


def _rows(table: pd.DataFrame | None) -> list[dict[str, Any]]:
    return [] if table is None or table.empty else table[list(SHOWN)].to_dict("records")
