"""The measurement of how often verdicts on arms err."""

import numpy as np
import pandas as pd

from cellsift.benchmarks.verdicts import __main__ as benchmark
from cellsift.benchmarks.verdicts.brains import BLOCKS, CANDIDATES, draw_brains
from cellsift.benchmarks.verdicts.page import describe
from cellsift.benchmarks.verdicts.trials import trials


def accuracy(drawn, arm: str) -> np.ndarray:
    right = (drawn.scores[arm] >= 0) == drawn.is_cell
    return pd.Series(right).groupby(drawn.brain).mean().to_numpy()


def test_made_up_arms_are_alike_but_differ_from_brain_to_brain():
    drawn = draw_brains(200, 2, np.random.default_rng(0))
    apart = accuracy(drawn, "arm 1") - accuracy(drawn, "arm 2")
    assert abs(apart.mean()) < 3 * apart.std() / np.sqrt(200)
    # More than candidates by themselves would: chance alone gives 0.02.
    assert apart.std() > 0.025
    assert len(drawn.of("brain 7").is_cell) == CANDIDATES
    assert len(np.unique(drawn.of("brain 7").block)) <= BLOCKS
    better = draw_brains(50, 2, np.random.default_rng(0), better=1.0)
    assert (accuracy(better, "arm 1") - accuracy(better, "arm 2")).mean() > 0.03


def test_with_six_brains_there_is_a_test_by_brain_and_with_fewer_none():
    assert all("sign_flip" not in row for row in trials(2, 0.0, 2, seed=1))
    rows = pd.DataFrame(trials(6, 2.0, 3, seed=1))
    assert rows["sign_flip"].isin([True, False]).all()
    assert rows["told"].mean() > rows["wrong"].mean()


def test_the_page_has_a_row_for_each_number_of_brains(monkeypatch, tmp_path):
    monkeypatch.setattr(benchmark, "BRAINS", (1, 6))
    page = tmp_path / "page.md"
    assert benchmark.main(["--repetitions", "2", "--page", str(page)]) == 0
    lines = page.read_text().splitlines()
    assert sum(line.startswith(("| 1 |", "| 6 |")) for line in lines) == 4
    assert any(line.startswith("| 1 | – |") for line in lines)


def test_shares_on_the_page_are_those_of_the_trials():
    row = {"brains": 6, "better": 0.0, "delong": True, "mcnemar": False, "wrong": 0.0}
    rows = [
        row | {"sign_flip": True, "any pair": True, "told": 0.0},
        row | {"sign_flip": False, "any pair": True, "told": 0.0},
        row | {"sign_flip": True, "any pair": True, "told": 1 / 3, "better": 1.0},
    ]
    page = describe(pd.DataFrame(rows), "A machine.")
    assert "| 6 | 50.0% | 100.0% | 0.0% | 100.0% |" in page
    assert "| 6 | 1 | 33.3% | 0.0% |" in page
