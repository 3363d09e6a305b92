"""The measurement of how often intervals of counts hold the truth."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from cellsift.benchmarks.coverage.__main__ import main
from cellsift.benchmarks.coverage.brains import KINDS, Kind, draw_brain
from cellsift.benchmarks.coverage.page import describe
from cellsift.benchmarks.coverage.trials import BLOCKS_MARKED, LABELS, trials


def test_a_made_up_brain_is_as_its_kind_says():
    still = {name: 0.0 for name in ("prevalence_spread", "offset", "slope", "places")}
    kind = Kind("still", 0.2, 0.9, 0.8, recall_spread=0, recall_places=0, **still)
    brain = draw_brain(kind, 20_000, np.random.default_rng(0))
    assert brain.is_cell.mean() == pytest.approx(0.2, abs=0.01)
    assert brain.is_cell.sum() / brain.cells == pytest.approx(0.8, abs=0.02)
    # Scores whose spread between brains is nothing mean what they say.
    assert expit(brain.logits).mean() == pytest.approx(0.2, abs=0.01)
    assert brain.found.sum() == brain.is_cell.sum()


def test_every_way_to_count_has_a_row_for_every_sample():
    rows = pd.DataFrame(trials(KINDS[0], 1, seed=3))
    own = rows[rows["way"] == "cellsift"]
    assert len(own) == len(LABELS) * len(BLOCKS_MARKED)
    assert set(rows["way"]) == {
        "naive",
        "cellsift",
        "cellsift, among candidates",
        "sample alone",
        "PPI++",
    }
    assert (rows["low"] <= rows["high"]).all()
    assert own["truth"].nunique() == 1


def test_the_page_tells_shares_of_intervals_that_hold_the_truth():
    row = {"kind": "a", "way": "cellsift", "labels": 0, "blocks": 0, "count": 10, "truth": 10}
    among = row | {"way": "cellsift, among candidates", "labels": 25}
    rows = [
        row | {"low": 8, "high": 12, "repetition": 0},
        row | {"low": 11, "high": 12, "repetition": 1},
        row | {"way": "naive", "low": 11, "high": 12, "repetition": 0},
        *(
            among | {"way": way, "low": 5, "high": high, "repetition": 0}
            for way, high in (
                ("cellsift, among candidates", 15),
                ("sample alone", 25),
                ("PPI++", 20),
            )
        ),
    ]
    page = describe(pd.DataFrame(rows), "A machine.", "figure.png")
    assert "| a | 0 | 50.0% (0.25) |" in page
    assert "| a | 25 | 100.0% | 0.50 | 100.0% | 100.0% | 0.75 |" in page
    assert "holds the truth in 0.0% of the repetitions" in page


def test_the_command_writes_page_table_and_figure(tmp_path):
    assert main(["--repetitions", "1", "--page", str(tmp_path / "coverage.md")]) == 0
    assert {path.name for path in tmp_path.iterdir()} == {
        "coverage.md",
        "coverage.csv",
        "coverage.png",
    }
