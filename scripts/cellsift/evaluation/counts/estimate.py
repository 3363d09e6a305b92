"""How many cells a brain holds, with an interval."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from cellsift.calibration.between_brains import BetweenBrains
from cellsift.calibration.between_places import SPREAD
from cellsift.calibration.log_odds import DRAWS
from cellsift.calibration.score_posterior import (
    Labels,
    Place,
    ScorePosterior,
    place_posterior,
    score_posterior,
)
from cellsift.evaluation.confidence import CONFIDENCE
from cellsift.evaluation.counts.recall import MarkedBlocks, recall_draws, recall_somewhere

ALL = "all"
TAIL = (1 - CONFIDENCE) / 2


@dataclass(frozen=True, eq=False)
class Evidence:
    """What the number of cells in a brain is told by.

    - logits (n,): of its candidates, calibrated on the train brains;
    - is_cell (n,): what the arm calls cells, counted naively;
    - between: how the train brains differ in what a score means;
    - train_recall: of each train brain the annotated cells with a candidate, and all;
    - labels: of candidates of the brain itself; blocks: of its tissue;
    - between_places: how places of a brain differ in what a score means (`between_places`).
    """

    logits: np.ndarray
    is_cell: np.ndarray
    between: BetweenBrains
    train_recall: Sequence[tuple[int, int]]
    labels: Sequence[Labels] = ()
    blocks: MarkedBlocks = MarkedBlocks.none()
    between_places: float = SPREAD

    @cached_property
    def labelled(self) -> dict[int, float]:
        """How much of a cell each labelled candidate is, 0 to 1, by its row."""
        return {
            int(row): float(is_cell)
            for labels in self.labels
            for row, is_cell in zip(labels.rows, labels.is_cell, strict=True)
        }

    @cached_property
    def in_blocks(self) -> set[int]:
        """Rows of the candidates that have a label with a block alone: nobody looked at each."""
        rows: dict[bool, set[int]] = {True: set(), False: set()}
        for labels in self.labels:
            rows[labels.block is None].update(int(row) for row in labels.rows)
        return rows[False] - rows[True]

    def posterior(self, seed: int) -> ScorePosterior:
        """What scores mean in the brain."""
        return score_posterior(
            self.logits, self.labels, self.between, seed, between_places=self.between_places
        )


def count_cells(
    evidence: Evidence, seed: int, regions: pd.Categorical | None = None
) -> pd.DataFrame:
    """Return a row for the whole brain, "all", and one for each region that has candidates.

    Columns: region, candidates, naive (candidates called cells), count, low, high (the middle and
    the middle 95% of what the number of cells may be, missed ones included), among_candidates (the
    same for the cells that have a candidate), among_low, among_high, labels (of single candidates),
    blocks, in_blocks (candidates that have a label with a block alone).

    `regions` (n,) are the candidates' regions. The interval holds the uncertainty of what
    scores mean in this brain, of which labels tell the most, and of what detection missed, of which
    marked blocks tell the most; without either it is what the train brains' spread says, and rests
    on this brain being one of their kind. Of a region it also holds by how much places of a brain
    differ in both; labels within tell of it. Counts of regions do not add up to that of the brain:
    each is the middle by itself, and of small numbers the middle lies below the mean.

    Example:
        >>> logits = np.repeat([-4.0, 4.0], [900, 100])
        >>> known = BetweenBrains(np.zeros(2), np.eye(2) * 0.1, 5)
        >>> evidence = Evidence(logits, logits > 0, known, [(95, 100)] * 5)
        >>> table = count_cells(evidence, seed=1)
        >>> bool(table.loc[0, "low"] < table.loc[0, "count"] < table.loc[0, "high"])
        True
    """
    logits = np.asarray(evidence.logits, float)
    if not len(logits):
        return pd.DataFrame([_row(ALL, evidence, np.ones(0, bool), np.zeros((1, 2), int))])
    posterior = evidence.posterior(seed)
    recall = recall_draws(evidence.train_recall, evidence.blocks, DRAWS, seed + 1)
    every, random = np.ones(len(logits), bool), np.random.default_rng([seed, 0])
    drawn = cell_draws(posterior, evidence.labelled, every, recall, random)
    rows = [_row(ALL, evidence, every, drawn)]
    for number, (name, inside) in enumerate(_regions(regions), start=1):
        place = Place(inside, evidence.between_places)
        random = np.random.default_rng([seed, number, 0])
        there = _in_place(posterior, evidence, place, [seed, number, 1], random)
        recall_there = recall_somewhere(recall, float(inside.mean()), random)
        drawn = cell_draws(there, evidence.labelled, inside, recall_there, random)
        rows.append(_row(name, evidence, inside, drawn))
    return pd.DataFrame(rows)


def _regions(regions: pd.Categorical | None) -> Iterator[tuple[str, np.ndarray]]:
    """The name of each region that has candidates, in order, and which (n,) lie in it."""
    if regions is None:
        return
    present = set(np.unique(regions.codes).tolist())
    for name, code in sorted((str(n), c) for c, n in enumerate(regions.categories)):
        if code in present:
            yield name, regions.codes == code


def _in_place(
    posterior: ScorePosterior,
    evidence: Evidence,
    place: Place,
    seed: Sequence[int],
    random: np.random.Generator,
) -> ScorePosterior:
    """What scores mean in a region, by the brain's posterior and the labels that lie there."""
    if place.inside.all():
        return posterior
    if not any(place.inside[labels.rows].any() for labels in evidence.labels):
        return posterior.somewhere(place, random)
    return place_posterior(posterior, evidence.labels, evidence.between, seed, place)


def cell_draws(
    posterior: ScorePosterior,
    labelled: Mapping[int, float],
    inside: np.ndarray,
    recall: np.ndarray,
    random: np.random.Generator,
) -> np.ndarray:
    """Draws (draws, 2) of the cells that have a candidate, and of all cells, in a region."""
    known = [row for row in labelled if inside[row]]
    unknown = inside.copy()
    unknown[known] = False
    unlabelled = np.bincount(posterior.class_of[unknown], minlength=posterior.classes)
    found = random.binomial(unlabelled, posterior.shares).sum(axis=1)
    found = found + sum(labelled[row] for row in known)
    missed = random.poisson(found * (1 - recall) / recall)
    return np.stack([found, found + missed], axis=1)


def _row(name: str, evidence: Evidence, inside: np.ndarray, drawn: np.ndarray) -> dict:
    in_blocks = evidence.in_blocks
    among, every = (np.quantile(of_kind, [TAIL, 0.5, 1 - TAIL]) for of_kind in drawn.T)
    return {
        "region": name,
        "candidates": int(inside.sum()),
        "naive": int(np.asarray(evidence.is_cell, bool)[inside].sum()),
        "count": round(float(every[1])),
        "low": int(np.floor(every[0])),
        "high": int(np.ceil(every[2])),
        "among_candidates": round(float(among[1])),
        "among_low": int(np.floor(among[0])),
        "among_high": int(np.ceil(among[2])),
        "labels": sum(bool(inside[row]) for row in evidence.labelled.keys() - in_blocks),
        "blocks": len(evidence.blocks),
        "in_blocks": sum(bool(inside[row]) for row in in_blocks),
    }
