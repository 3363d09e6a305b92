"""Verdicts on pairs of arms: what they rest on, and that they take no side."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cellsift.benchmarks.verdicts.brains import ScoredBrains, draw_brains
from cellsift.evaluation.brain_tests import brain_tests, without_each_brain
from cellsift.evaluation.comparison import compare_arms
from cellsift.evaluation.paired_tests import candidate_tests
from cellsift.evaluation.verdicts import (
    BETTER,
    BY_INTERVAL,
    BY_TEST,
    COLUMNS,
    NOT_DISTINGUISHABLE,
    WORSE,
    verdicts,
)

OPPOSITE = {BETTER: WORSE, WORSE: BETTER, NOT_DISTINGUISHABLE: NOT_DISTINGUISHABLE}


def judged(drawn: ScoredBrains, arms=("arm 1", "arm 2"), resamples: int = 200) -> pd.DataFrame:
    """The verdicts on these arms, by pair and metric."""
    thresholds = dict.fromkeys(arms, 0.0)
    names = list(dict.fromkeys(drawn.brain))

    def compared(part: ScoredBrains, name: str, count: int) -> pd.DataFrame:
        scores = {arm: part.scores[arm] for arm in arms}
        table = compare_arms(
            part.is_cell, scores, thresholds, part.brain, part.block, resamples=count
        )
        return table.assign(brain=name)

    scores = {arm: drawn.scores[arm] for arm in arms}
    alone = pd.concat([compared(drawn.of(name), name, 1) for name in names])
    tests = [candidate_tests(drawn.is_cell, scores, thresholds), brain_tests(alone)]
    cells = int(drawn.is_cell.sum())
    table = verdicts(
        compared(drawn, "all", resamples),
        pd.concat([part for part in tests if len(part)] or tests[:1]),
        without_each_brain(drawn.is_cell, scores, thresholds, drawn.brain),
        names,
        cells,
        len(drawn.is_cell) - cells,
    )
    return table.set_index(["arm_a", "arm_b", "metric"])


def drawn(brains: int, better: float, seed: int = 0) -> ScoredBrains:
    return draw_brains(brains, 3, np.random.default_rng(seed), better)


@pytest.mark.parametrize(("brains", "basis"), [(1, BY_INTERVAL), (3, BY_INTERVAL), (7, BY_TEST)])
def test_a_clearly_better_arm_is_better_and_the_note_says_how_sure_that_is(brains, basis):
    table = judged(drawn(brains, 3.0))
    assert list(table.reset_index().columns) == list(
        ["arm_a", "arm_b", "metric"] + [c for c in COLUMNS if c not in table.index.names]
    )
    assert (table["verdict"] == BETTER).all()
    assert (table["basis"] == basis).all()
    assert (table["brains"] == brains).all()
    assert table["p"].isna().all() == (basis == BY_INTERVAL)
    few = "one test brain: a test by brain takes 6" if brains == 1 else "3 test brains: a test"
    assert table["note"].str.startswith(few if basis == BY_INTERVAL else "").all()


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([1, 2, 4, 7]), st.sampled_from([0.0, 0.6, 2.0]))
def test_swapping_two_arms_swaps_the_verdict(seed, brains, better):
    made = drawn(brains, better, seed)
    there = judged(made, ("arm 1", "arm 2", "arm 3"), 60)
    back = judged(made, ("arm 3", "arm 2", "arm 1"), 60)
    for (a, b, metric), row in there.iterrows():
        other = back.loc[(b, a, metric)]
        assert other["verdict"] == OPPOSITE[row["verdict"]]
        assert other["basis"] == row["basis"]
        assert other["note"] == row["note"]
        assert other["difference"] == pytest.approx(-row["difference"])
        assert [-other["high"], -other["low"]] == pytest.approx([row["low"], row["high"]])
        assert other["p"] == pytest.approx(row["p"], nan_ok=True)


@pytest.mark.parametrize("brains", [1, 3, 7])
def test_equal_arms_are_not_distinguishable(brains):
    made = drawn(brains, 0.0)
    same = ScoredBrains(
        made.is_cell,
        {"arm 1": made.scores["arm 1"], "arm 2": made.scores["arm 1"]},
        made.brain,
        made.block,
    )
    table = judged(same)
    assert (table["verdict"] == NOT_DISTINGUISHABLE).all()
    assert (table[["difference", "low", "high"]] == 0).all(axis=None)


def test_by_test_the_verdict_goes_by_p_and_the_mean_over_brains():
    for seed in range(8):
        table = judged(drawn(7, 0.7, seed), ("arm 1", "arm 2", "arm 3"), 5)
        told = table["verdict"] != NOT_DISTINGUISHABLE
        assert (told == (table["p"] < 0.05)).all()
        assert (table.loc[table["verdict"] == BETTER, "difference"] > 0).all()
        assert (table.loc[table["verdict"] == WORSE, "difference"] < 0).all()


def test_a_difference_that_rests_on_one_brain_is_none():
    made = drawn(3, 0.0, 4)
    scores = {"arm 2": made.scores["arm 2"], "arm 1": made.scores["arm 2"].copy()}
    one = made.brain == "brain 2"
    scores["arm 1"][one] = np.where(made.is_cell[one], 3.0, -3.0)
    elsewhere = ~one & (np.arange(len(one)) % 40 == 0)
    scores["arm 1"][elsewhere] = np.where(made.is_cell[elsewhere], -0.1, 0.1)
    # As one brain of many blocks the same candidates do tell them apart.
    whole = ScoredBrains(made.is_cell, scores, np.full(len(one), "b"), made.block)
    assert judged(whole).loc[("arm 1", "arm 2", "f1"), "verdict"] == BETTER
    table = compare_arms(made.is_cell, scores, dict.fromkeys(scores, 0.0), None, made.block)
    left = without_each_brain(made.is_cell, scores, dict.fromkeys(scores, 0.0), made.brain)
    tests = candidate_tests(made.is_cell, scores, dict.fromkeys(scores, 0.0))
    found = verdicts(
        table.assign(brain="all"), tests, left, ["brain 1", "brain 2", "brain 3"], 300, 900
    )
    f1 = found[found["metric"] == "f1"].iloc[0]
    assert f1["verdict"] == NOT_DISTINGUISHABLE
    assert "without brain 2 it is not so" in f1["note"]


def test_next_to_nothing_tells_nothing():
    """One cell that an arm misses and five calls that differ are no evidence, however sure."""
    few = np.zeros(400, bool)
    few[:5] = True
    block = np.arange(400) % 40
    name = np.full(400, "brain 1")
    right, wrong = np.where(few, 1.0, -1.0), np.full(400, -1.0)
    table = judged(ScoredBrains(few, {"arm 1": right, "arm 2": wrong}, name, block))
    assert (table["verdict"] == NOT_DISTINGUISHABLE).all()
    assert table["note"].str.contains("5 candidates of one kind").any()
    many = np.arange(400) < 200
    right = np.where(many, 1.0, -1.0)
    nearly = right.copy()
    nearly[[3, 44, 85, 126, 167]] = -1
    table = judged(ScoredBrains(many, {"arm 1": right, "arm 2": nearly}, name, block))
    assert table.loc[("arm 1", "arm 2", "f1"), "verdict"] == NOT_DISTINGUISHABLE
    assert "5 candidates differently" in table.loc[("arm 1", "arm 2", "f1"), "note"]


@pytest.mark.parametrize("cells", [0, 400])
def test_what_is_not_defined_has_no_basis(cells):
    made = drawn(1, 0.0)
    one_class = ScoredBrains(np.arange(400) < cells, made.scores, made.brain, made.block)
    rows = judged(one_class).xs("roc_auc", level="metric")
    assert (rows["verdict"] == NOT_DISTINGUISHABLE).all()
    assert (rows["basis"] == "").all()
    assert rows["note"].str.contains("not defined").all()


def test_brain_by_brain_against_all_together_is_no_verdict():
    made = drawn(7, 3.0)
    comparison = (
        judged(made).reset_index().rename(columns={"low": "low_joint", "high": "high_joint"})
    )
    turned = comparison.assign(difference=-comparison["difference"])
    alone = pd.concat(
        [
            compare_arms(
                made.of(name).is_cell,
                {arm: made.of(name).scores[arm] for arm in ("arm 1", "arm 2")},
                {"arm 1": 0.0, "arm 2": 0.0},
                resamples=1,
            ).assign(brain=name)
            for name in dict.fromkeys(made.brain)
        ]
    )
    left = pd.DataFrame(columns=["arm_a", "arm_b", "metric", "left_out", "difference"])
    found = verdicts(turned, brain_tests(alone), left, list("abcdefg"), 50, 50)
    assert (found["verdict"] == NOT_DISTINGUISHABLE).all()
    assert found["note"].str.contains("the other way round").all()


def test_without_pairs_there_are_no_verdicts():
    assert judged(drawn(2, 0.0), ("arm 1",)).empty
