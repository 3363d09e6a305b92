"""What calling cells from another threshold on would give."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from cellsift.calibration.between_brains import between_brains
from cellsift.calibration.score_posterior import Labels
from cellsift.evaluation.counts.along_thresholds import along_thresholds, thresholds_to_compare
from cellsift.evaluation.counts.estimate import Evidence, count_cells
from cellsift.evaluation.counts.recall import MarkedBlocks

RECALL = [(95, 100), (92, 100), (97, 100)]
OWN = 0.437


def brain_of(seed: int, candidates: int = 3000):
    random = np.random.default_rng(seed)
    logits = random.normal(-1, 2.5, candidates)
    return logits, random.random(candidates) < expit(logits)


BETWEEN = between_brains([brain_of(seed) for seed in range(3)])


def along(seed: int, labels=(), blocks=None) -> tuple[pd.DataFrame, Evidence]:
    logits, _ = brain_of(seed)
    blocks = MarkedBlocks.none() if blocks is None else blocks
    evidence = Evidence(logits, expit(logits) >= OWN, BETWEEN, RECALL, labels, blocks)
    return along_thresholds(evidence, expit(logits), OWN, 1).set_index("threshold"), evidence


def test_as_many_are_called_as_reach_the_threshold():
    table, evidence = along(1)
    p_cell = expit(evidence.logits)
    assert table["called"].tolist() == [(p_cell >= t).sum() for t in thresholds_to_compare(OWN)]


def test_at_its_own_threshold_an_arm_calls_what_it_calls_though_tables_are_rounded():
    logits, _ = brain_of(2)
    own = float(expit(logits[7]))
    is_cell = expit(logits) >= own
    evidence = Evidence(logits, is_cell, BETWEEN, RECALL)
    table = along_thresholds(evidence, expit(logits).round(3), own, 1).set_index("threshold")
    assert table.at[own, "called"] == is_cell.sum() == count_cells(evidence, 1).at[0, "naive"]


def test_intervals_hold_the_cells_among_those_called_and_the_share_that_is_found():
    cells, found = [], []
    for seed in range(20):
        logits, truth = brain_of(seed)
        table, _ = along(seed)
        missed = truth.sum() * 5.3 / 94.7
        for threshold in (0.1, OWN, 0.9):
            row, called = table.loc[threshold], expit(logits) >= threshold
            cells.append(row["cells_low"] <= truth[called].sum() <= row["cells_high"])
            share = truth[called].sum() / (truth.sum() + missed)
            found.append(row["found_low"] <= share <= row["found_high"])
    assert np.mean(cells) >= 0.9
    assert np.mean(found) >= 0.9


def test_the_higher_the_threshold_the_fewer_are_found():
    table, _ = along(3)
    assert (np.diff(table["called"]) <= 0).all()
    assert (np.diff(table["found"]) <= 1e-9).all()
    assert (table["cells"] <= table["called"]).all()


def test_labels_make_it_more_certain():
    _, truth = brain_of(4)
    rows = np.random.default_rng(4).choice(len(truth), 200, replace=False)
    before, _ = along(4)
    after, _ = along(4, [Labels(rows, truth[rows], np.ones(200))])
    assert width(after.loc[OWN]) < 0.6 * width(before.loc[OWN])


def width(row: pd.Series) -> float:
    return row["cells_high"] - row["cells_low"]


def test_what_detection_misses_is_not_found():
    half = MarkedBlocks(np.full(60, 100.0), np.full(60, 50.0), np.ones(60))
    table, _ = along(5, blocks=half)
    assert table.iloc[0]["found"] == pytest.approx(0.5, abs=0.05)


def test_a_brain_without_candidates_has_nothing_to_call():
    none = Evidence(np.zeros(0), np.zeros(0, bool), BETWEEN, RECALL)
    assert along_thresholds(none, np.zeros(0), OWN, 1)["called"].sum() == 0


def test_where_people_called_every_candidate_no_cell_nothing_is_found():
    """And no number is undefined, which no page could read."""
    logits, _ = brain_of(6, 200)
    none = Labels(np.arange(200), np.zeros(200, bool), np.ones(200))
    evidence = Evidence(logits, expit(logits) >= OWN, BETWEEN, RECALL, [none])
    table = along_thresholds(evidence, expit(logits), OWN, 1)
    assert table.notna().all(axis=None)
    assert (table["found_high"] == 0).all()
