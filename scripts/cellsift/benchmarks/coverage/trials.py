"""Counts of made-up brains, in several ways, beside their true numbers."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.special import expit

from cellsift.annotation.drawing import (
    UNIFORM_BLOCKS,
    draw_candidates,
    inclusion_probabilities,
    systematic_draw,
)
from cellsift.benchmarks.coverage.brains import (
    BLOCKS,
    TRAIN_CANDIDATES,
    Kind,
    ScoredBrain,
    draw_brain,
)
from cellsift.calibration.between_brains import BetweenBrains, between_brains
from cellsift.calibration.between_places import between_places
from cellsift.calibration.calibrate import choose_threshold, fit_temperature
from cellsift.calibration.pooled_curve import by_pooled_curve
from cellsift.calibration.score_posterior import Labels
from cellsift.evaluation.counts.classical import classical_count
from cellsift.evaluation.counts.estimate import ALL, Evidence, count_cells
from cellsift.evaluation.counts.recall import MarkedBlocks

LABELS, BLOCKS_MARKED = (0, 25, 50, 100, 200), (0, 3, 6)
# Labels, and blocks marked, where cells are counted by region.
LABELS_BY_REGION = ((0, 0), (0, 3), (0, 6), (50, 0), (100, 0), (200, 0), (100, 6))
# A spread between places that is as good as none.
ALIKE = 1e-3
# Two-sided, at 95%.
REACH = 1.96


def trials(kind: Kind, repetitions: int, seed: int) -> Iterator[dict]:
    """Yield a row for each repetition, way to count, number of labels and of blocks.

    Columns: kind, way, labels, blocks, truth, count, low, high. `truth` is of all cells for the
    ways "cellsift" and "naive", else of those that have a candidate, of which "cellsift, among
    candidates", "sample alone" (Wilson) and "PPI++" tell.
    """
    random = np.random.default_rng(seed)
    for repetition in range(repetitions):
        train = [draw_brain(kind, TRAIN_CANDIDATES, random) for _ in range(kind.train)]
        brain = draw_brain(kind, kind.candidates, random)
        between, recall, logits, is_cell = learnt(train, brain)
        shared = {"kind": kind.name, "repetition": repetition}
        called = int(is_cell.sum())
        naive = {"count": called, "low": called - REACH * np.sqrt(called)}
        naive["high"] = called + REACH * np.sqrt(called)
        yield shared | {"way": "naive", "labels": 0, "blocks": 0, "truth": brain.cells} | naive
        for labels in LABELS:
            for blocks in BLOCKS_MARKED:
                labelled, marked = sampled(brain, logits, labels, blocks, random)
                evidence = Evidence(logits, is_cell, between, recall, labelled, marked)
                row = count_cells(evidence, repetition).iloc[0]
                of = shared | {"labels": labels, "blocks": blocks}
                counted = {name: row[name] for name in ("count", "low", "high")}
                yield of | {"way": "cellsift", "truth": brain.cells} | counted
                if not blocks:
                    yield from _among(of, brain, row, is_cell, random)


def trials_by_region(kind: Kind, repetitions: int, seed: int) -> Iterator[dict]:
    """Yield a row for each repetition, number of labels and region of a brain.

    Columns as of `trials`; the way is "region", or "whole brain" of its row of all cells; with
    ", as if alike" where the count is not told that places of a brain differ.
    """
    random = np.random.default_rng(seed)
    for repetition in range(repetitions):
        train = [draw_brain(kind, TRAIN_CANDIDATES, random) for _ in range(kind.train)]
        brain = draw_brain(kind, kind.candidates, random)
        between, recall, logits, is_cell = learnt(train, brain)
        for labels, blocks in LABELS_BY_REGION:
            labelled, marked = sampled(brain, logits, labels, blocks, random)
            evidence = Evidence(logits, is_cell, between, recall, labelled, marked)
            of = {"kind": kind.name, "repetition": repetition, "labels": labels, "blocks": blocks}
            for told, spread in (("", places_of(train)), (", as if alike", ALIKE)):
                known = replace(evidence, between_places=spread)
                table = count_cells(known, repetition, pd.Categorical(brain.region))
                for row in table.to_dict("records"):
                    whole = row["region"] == ALL
                    truth = brain.cells if whole else brain.cells_of_regions[int(row["region"])]
                    counted = {name: row[name] for name in ("count", "low", "high")}
                    way = ("whole brain" if whole else "region") + told
                    yield of | {"way": way, "truth": truth} | counted


def places_of(train: list[ScoredBrain]) -> float:
    """How places of the train brains differ, by their calibrated scores."""
    temperature = fit_temperature(
        np.concatenate([one.is_cell for one in train]), np.concatenate([o.logits for o in train])
    )
    return between_places([(o.logits / temperature, o.is_cell, o.positions) for o in train])


def learnt(
    train: list[ScoredBrain], brain: ScoredBrain
) -> tuple[BetweenBrains, list[tuple[int, int]], np.ndarray, np.ndarray]:
    """What train brains say; calibrated logits of the brain, and what is called a cell in it."""
    scores = np.concatenate([one.logits for one in train])
    truth = np.concatenate([one.is_cell for one in train])
    temperature = fit_temperature(truth, scores)
    threshold = choose_threshold(truth, scores / temperature)
    scored = [(one.logits / temperature, one.is_cell) for one in train]
    own = brain.logits / temperature
    logits, *meant = by_pooled_curve([own, *(values for values, _ in scored)], scored)
    between = between_brains([(m, one.is_cell) for m, one in zip(meant, train, strict=True)])
    recall = [(int(one.is_cell.sum()), one.cells) for one in train]
    return between, recall, logits, own >= threshold


def sampled(
    brain: ScoredBrain,
    logits: np.ndarray,
    labels: int,
    blocks: int,
    random: np.random.Generator,
) -> tuple[list[Labels], MarkedBlocks]:
    """Labels and blocks as `suggest` draws them, answered by the truth."""
    p_cell, drawn = expit(logits), []
    rows = np.zeros(0, int)
    if labels:
        rows, probability = draw_candidates(p_cell, labels, int(random.integers(2**31)))
        drawn.append(Labels(rows, brain.is_cell[rows], 1 / probability))
    if not blocks:
        return drawn, MarkedBlocks.none()
    expected = np.bincount(brain.block, p_cell, minlength=BLOCKS)
    probability = inclusion_probabilities(expected, blocks, UNIFORM_BLOCKS)
    order = random.permutation(BLOCKS)
    chosen = order[systematic_draw(probability[order], random)]
    inside = np.flatnonzero(np.isin(brain.block, chosen))
    weight = 1 / probability
    block = brain.block[inside]
    in_blocks = Labels(inside, brain.is_cell[inside], weight[block], block)
    drawn.append(in_blocks.without(rows))
    found = brain.found[chosen]
    return drawn, MarkedBlocks(found + brain.missed[chosen], found, weight[chosen])


def _among(
    of: dict,
    brain: ScoredBrain,
    row: pd.Series,
    is_cell: np.ndarray,
    random: np.random.Generator,
) -> Iterator[dict]:
    """The cells that have a candidate, by cellsift and by a plain sample of as many labels."""
    truth, number = int(brain.is_cell.sum()), len(brain.is_cell)
    own = {"count": row["among_candidates"], "low": row["among_low"], "high": row["among_high"]}
    yield of | {"way": "cellsift, among candidates", "truth": truth} | own
    if not of["labels"]:
        return
    rows = random.choice(number, of["labels"], replace=False)
    count, low, high = classical_count(int(brain.is_cell[rows].sum()), len(rows), number)
    plain = {"count": count, "low": low, "high": high}
    yield of | {"way": "sample alone", "truth": truth} | plain
    yield of | {"way": "PPI++", "truth": truth} | _ppi(brain.is_cell[rows], is_cell, rows)


def _ppi(labels: np.ndarray, called: np.ndarray, rows: np.ndarray) -> dict[str, float]:
    """Prediction-powered count with a tuned weight of the prediction (arXiv 2311.01453)."""
    number, own = len(called), called[rows].astype(float)
    spread = called.var()
    covariance = np.cov(labels.astype(float), own)[0, 1] if len(rows) > 1 else 0.0
    tuned = covariance / spread / (1 + len(rows) / number) if spread > 0 else 0.0
    tuned = float(np.clip(tuned, 0, 1))
    rest = labels - tuned * own
    mean = tuned * called.mean() + rest.mean()
    error = np.sqrt(rest.var(ddof=1) / len(rows) + tuned**2 * spread / number)
    return {
        "count": number * mean,
        "low": number * (mean - REACH * error),
        "high": number * (mean + REACH * error),
    }
