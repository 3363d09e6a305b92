"""What there is to tell the number of cells in a brain by, read from the files of a run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import logit

from cellsift.calibration.between_brains import between_brains
from cellsift.calibration.between_places import between_places
from cellsift.calibration.pooled_curve import by_pooled_curve
from cellsift.calibration.score_posterior import SUREST, Labels
from cellsift.evaluation.counts.blocks import read_blocks
from cellsift.evaluation.counts.estimate import Evidence
from cellsift.evaluation.counts.recall import MarkedBlocks
from cellsift.evaluation.counts.shared_cells import part_of_cell
from cellsift.io.axes import AXES
from cellsift.io.json_files import read_json
from cellsift.io.names import CELL
from cellsift.io.tables import read_table
from cellsift.labels.folds import learnt_from
from cellsift.settings.brains import Brain


@dataclass(frozen=True)
class TrainFiles:
    """Of the train brains, by name: the candidates with their labels, and `label`'s summaries; by
    brain and arm the candidates with their out-of-fold p_cell; the table of folds, None where no
    arm learnt from any of them; and of these folds those that networks were trained without,
    None: all."""

    labels: Mapping[str, str | Path]
    summaries: Mapping[str, str | Path]
    cells: Mapping[tuple[str, str], str | Path]
    folds: str | Path | None
    held_out: Sequence[int] | None = None

    def telling(self, brain: str) -> list[str]:
        """The train brains that tell of another one: not of itself, with out-of-fold scores, and
        all cells of some place of which are annotated, of planes perhaps.

        Of what is annotated elsewhere, people chose which candidates are labelled, and how many of
        these are cells.
        """
        others = [name for name in self.labels if name not in (brain, *self._learnt_from)]
        return [name for name in others if self._tells(name)]

    @cached_property
    def _learnt_from(self) -> set[str]:
        return learnt_from(read_table(self.folds), self.held_out) if self.folds else set()

    def _tells(self, name: str) -> bool:
        return read_json(self.summaries[name])["where_complete"] is not None

    @cached_property
    def spread_known(self) -> bool:
        """Whether out-of-fold scores of a train brain are as those of a further one.

        Not where folds are blocks: its scores come from networks that learnt from other blocks of
        the brain itself. To finished models all train brains are further ones.
        """
        if self.folds is None:
            return True
        folds = read_table(self.folds)
        return bool((folds.groupby("brain")["fold"].nunique() == 1).all())


def calibrated_logits(cells: pd.DataFrame) -> np.ndarray:
    """The logits (n,) of p_cell, which is calibrated on the train brains."""
    return logit(np.clip(cells["p_cell"].to_numpy(float), SUREST, 1 - SUREST))


def evidence_of(
    brain: Brain,
    arm: str,
    cells: pd.DataFrame,
    train: TrainFiles,
    sample: Sequence[str | Path],
) -> Evidence:
    """What is known of the cells among a brain's candidates as an arm scored them.

    `cells` are these; `sample` is what the rule of that name wrote of the brain, labels, blocks and
    the cells of the blocks, or nothing where it is not to be corrected.
    """
    others = train.telling(brain.name)
    labels, blocks = _of_sample(brain, cells, sample)
    of_train = [_scored(train, name, arm) for name in others]
    logits, *recalibrated = by_pooled_curve(
        [calibrated_logits(cells), *(scored for scored, *_ in of_train)],
        [(scored, is_cell) for scored, is_cell, _ in of_train],
    )
    seen = [(own, is_cell) for own, (_, is_cell, _) in zip(recalibrated, of_train, strict=True)]
    positions = [at for *_, at in of_train]
    return Evidence(
        logits,
        cells["is_cell"].to_numpy(bool),
        between_brains(seen if train.spread_known else []),
        [_recall(train.summaries[name]) for name in others],
        labels,
        blocks,
        between_places([(*one, at) for one, at in zip(seen, positions, strict=True)]),
    )


def _scored(train: TrainFiles, brain: str, arm: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Logits of a train brain's candidates where all cells are annotated, which are cells, and
    where they lie (voxels, z, y, x).

    A candidate beside a cell that has another is no further cell: networks do not learn from it,
    but a count has to know.
    """
    labels = read_table(train.labels[brain])
    known = labels["judged"].to_numpy(bool)
    cells = read_table(train.cells[brain, arm])
    is_cell = (labels["label"] == CELL).to_numpy()
    return calibrated_logits(cells)[known], is_cell[known], cells.loc[known, AXES].to_numpy(float)


def _recall(summary: str | Path) -> tuple[int, int]:
    found = read_json(summary)["where_complete"]
    return int(found["reached"]), int(found["annotated"])


def _of_sample(
    brain: Brain, cells: pd.DataFrame, sample: Sequence[str | Path]
) -> tuple[list[Labels], MarkedBlocks]:
    """What was drawn and labelled; what was not drawn tells nothing of all candidates."""
    if not sample:
        return [], MarkedBlocks.none()
    table, boxes, marked = map(read_table, sample)
    candidates, distance_um = cells[AXES].to_numpy(float), brain.settings["matching"]["distance_um"]
    boxes = boxes[boxes["weight"].notna()]
    agreed = marked["kind"] == CELL
    blocks, in_blocks = read_blocks(
        boxes, marked[agreed], candidates, brain.voxel_size, distance_um, marked[~agreed]
    )
    drawn = table[table["weight"].notna()]
    rows, weight = drawn["candidate"].to_numpy(int), drawn["weight"].to_numpy(float)
    at_cell = cells["is_cell"].to_numpy(bool, copy=True)
    at_cell[table["candidate"].to_numpy(int)] = (table["label"] == CELL).to_numpy()
    if in_blocks is None:
        parts = part_of_cell(candidates, at_cell, rows, brain.voxel_size, distance_um)
        return [Labels(rows, parts, weight)], blocks
    at_cell[in_blocks.rows] = in_blocks.is_cell
    parts = part_of_cell(candidates, at_cell, rows, brain.voxel_size, distance_um)
    # There a cell is that of one candidate alone, whatever was said of the others beside it.
    parts = np.where(np.isin(rows, in_blocks.rows), at_cell[rows], parts)
    return [Labels(rows, parts, weight), in_blocks.without(rows)], blocks
