"""Tests of two arms on the same candidates, against libraries and by hand."""

import time

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest
from sklearn.metrics import roc_auc_score

from cellsift.errors import InputError
from cellsift.evaluation.comparison import compare_arms
from cellsift.evaluation.paired_tests import COLUMNS, candidate_tests, holm

# z (of the second arm less the first) and p of MLstatkit 0.1.91 on the scores of `scored()`.
MLSTATKIT = {
    ("a", "b"): (-2.5362050327211763, 0.011206110262778799),
    ("a", "c"): (-5.981383652339441, 2.2125006700103094e-09),
    ("b", "c"): (-2.9702436292226326, 0.0029756365870332057),
}


def scored(seed: int = 0, count: int = 200) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Three arms of unequal skill, some of whose scores are equal."""
    random = np.random.default_rng(seed)
    is_cell = random.random(count) < 0.4
    shared = random.normal(0, 1, count)
    skill = {"a": 1.5, "b": 1.0, "c": 0.2}
    return is_cell, {
        arm: (shared + apart * is_cell + random.normal(0, 1, count)).round(1)
        for arm, apart in skill.items()
    }


def on_candidates(is_cell, scores, threshold: float = 0.5) -> pd.DataFrame:
    table = candidate_tests(is_cell, scores, dict.fromkeys(scores, threshold))
    return table.set_index(["test", "arm_a", "arm_b"])


def delong_by_all_pairs(is_cell, a, b) -> tuple[float, float]:
    """DeLong, DeLong and Clarke-Pearson (1988) as written: every cell beside every other."""
    psi = [
        (s[is_cell][:, None] > s[~is_cell]) + 0.5 * (s[is_cell][:, None] == s[~is_cell])
        for s in (a, b)
    ]
    of_cells = np.cov([p.mean(axis=1) for p in psi]) / is_cell.sum()
    of_others = np.cov([p.mean(axis=0) for p in psi]) / (~is_cell).sum()
    contrast = np.array([1, -1])
    difference = psi[0].mean() - psi[1].mean()
    return difference, difference / np.sqrt(contrast @ (of_cells + of_others) @ contrast)


def test_delong_is_what_its_definition_gives():
    is_cell, scores = scored()
    found = on_candidates(is_cell, scores)
    for a, b in (("a", "b"), ("a", "c"), ("b", "c")):
        difference, z = delong_by_all_pairs(is_cell, scores[a], scores[b])
        row = found.loc[("delong", a, b)]
        assert row["difference"] == pytest.approx(difference)
        assert row["statistic"] == pytest.approx(z)
        areas = [roc_auc_score(is_cell, scores[arm]) for arm in (a, b)]
        assert row["difference"] == pytest.approx(areas[0] - areas[1])


def test_delong_agrees_with_mlstatkit():
    found = on_candidates(*scored())
    for pair, (z, p) in MLSTATKIT.items():
        assert found.loc[("delong", *pair), ["statistic", "p"]].tolist() == pytest.approx([-z, p])


def test_mcnemar_is_the_sign_test_of_candidates_of_which_one_arm_is_right():
    is_cell, scores = scored()
    right = {arm: (score >= 0.5) == is_cell for arm, score in scores.items()}
    row = on_candidates(is_cell, scores).loc[("mcnemar", "a", "c")]
    alone = (right["a"] & ~right["c"]).sum(), (right["c"] & ~right["a"]).sum()
    assert row["p"] == binomtest(alone[0], sum(alone)).pvalue
    # That of statsmodels 0.15.0, mcnemar(table, exact=True).
    assert row["p"] == pytest.approx(0.0021862431776861714)
    assert (row["units"], row["statistic"]) == (sum(alone), alone[0])
    assert row["difference"] == pytest.approx(right["a"].mean() - right["c"].mean())


def test_mcnemar_by_hand():
    """Of five candidates that one alone gets right, all are a's: p is 2 / 2^5."""
    is_cell = np.repeat([True, False], [10, 10])
    a, b = is_cell.astype(float), is_cell.astype(float)
    b[:5] = 0
    row = on_candidates(is_cell, {"a": a, "b": b}).loc[("mcnemar", "a", "b")]
    assert (row["units"], row["p"]) == (5, 2 / 32)


def test_holm_agrees_with_statsmodels():
    """Those of multipletests(p, method="holm") of statsmodels 0.15.0."""
    p_values = [0.001, 0.04, 0.012, 0.3, 0.04, 0.9, 0.0004]
    expected = [0.006, 0.16, 0.06, 0.6, 0.16, 0.9, 0.0028]
    assert holm(p_values).tolist() == pytest.approx(expected)
    with_nan = holm([0.01, np.nan, 0.02])
    assert with_nan[[0, 2]].tolist() == pytest.approx([0.02, 0.02])
    assert np.isnan(with_nan[1])
    assert len(holm([])) == 0


def test_adjusted_p_is_over_all_pairs_of_a_test():
    table = candidate_tests(*scored(), dict.fromkeys("abc", 0.5))
    for _, rows in table.groupby("test"):
        assert len(rows) == 3
        assert rows["p_holm"].tolist() == holm(rows["p"]).tolist()


def test_equal_arms_are_not_told_apart():
    is_cell, scores = scored()
    found = on_candidates(is_cell, {"a": scores["a"], "b": scores["a"].copy()})
    assert (found["p"] == 1).all()
    assert (found["difference"] == 0).all()


@pytest.mark.parametrize("cells", [0, 1, 6])
def test_one_class_has_no_area_to_compare(cells):
    is_cell = np.arange(6) < cells
    random = np.random.default_rng(1)
    found = on_candidates(is_cell, {"a": random.random(6), "b": random.random(6)})
    assert np.isnan(found.loc[("delong", "a", "b"), "p"])
    assert 0 <= found.loc[("mcnemar", "a", "b"), "p"] <= 1


def test_areas_that_differ_without_variance_have_no_p():
    is_cell = np.repeat([True, False], 5)
    row = on_candidates(is_cell, {"a": is_cell * 1.0, "b": 1.0 - is_cell}).loc[("delong", "a", "b")]
    assert (row["difference"], np.isnan(row["p"])) == (1, True)


def test_without_candidates_or_a_second_arm_there_is_nothing_to_tell():
    none = candidate_tests(np.zeros(0, bool), {"a": [], "b": []}, {"a": 0.5, "b": 0.5})
    assert none["difference"].isna().all()
    alone = candidate_tests(*scored()[:1], {"a": scored()[1]["a"]}, {"a": 0.5})
    assert alone.empty
    assert list(alone.columns) == COLUMNS


def test_swapping_two_arms_turns_every_number_round():
    is_cell, scores = scored()
    there = on_candidates(is_cell, {"a": scores["a"], "b": scores["b"]})
    back = on_candidates(is_cell, {"b": scores["b"], "a": scores["a"]})
    for test in ("delong", "mcnemar"):
        one, other = there.loc[(test, "a", "b")], back.loc[(test, "b", "a")]
        assert one["difference"] == -other["difference"]
        assert one["p"] == other["p"]


def test_ambiguous_candidates_count_nowhere_and_bad_scores_are_refused():
    is_cell, scores = scored()
    labels = np.where(is_cell, "cell", "no_cell").astype(object)
    more = {arm: np.append(score, 9.0) for arm, score in scores.items()}
    found = on_candidates(np.append(labels, "ambiguous"), more)
    pd.testing.assert_frame_equal(found, on_candidates(is_cell, scores))
    with pytest.raises(InputError, match="not finite"):
        on_candidates(is_cell, scores | {"a": np.full(200, np.nan)})


@pytest.mark.slow
def test_a_million_candidates_of_18_arms_take_a_minute():
    random = np.random.default_rng(0)
    is_cell = random.random(1_000_000) < 0.2
    scores = {f"arm {n}": is_cell + random.normal(0, 1, 1_000_000) for n in range(18)}
    begun = time.process_time()
    table = candidate_tests(is_cell, scores, dict.fromkeys(scores, 0.5))
    assert len(table) == 2 * 153
    assert time.process_time() - begun < 90


def test_joint_intervals_hold_every_pair_and_are_as_wide_as_needed():
    is_cell, scores = scored(count=600)
    thresholds = dict.fromkeys(scores, 0.5)
    table = compare_arms(is_cell, scores, thresholds, seed=3)
    assert (table["low_joint"] <= table["low"]).all()
    assert (table["high_joint"] >= table["high"]).all()
    assert table["metric"].tolist() == ["f1", "average_precision", "roc_auc"] * 3
    two = {arm: scores[arm] for arm in "ab"}
    alone = compare_arms(is_cell, two, thresholds, seed=3).set_index("metric")
    reach = (alone["high_joint"] - alone["low_joint"]) / (alone["high"] - alone["low"])
    # Of one pair the two are the same but for the shape of the resamples.
    assert reach.between(1, 1.1).all()
    among = table[(table["arm_a"] == "a") & (table["arm_b"] == "b")].set_index("metric")
    wider = (among["high_joint"] - among["low_joint"]) / (among["high"] - among["low"])
    # Three independent pairs would take 2.39 standard deviations, not 1.96.
    assert wider.between(1.1, 1.3).all()


def test_a_joint_interval_is_never_narrower_than_that_of_the_pair():
    for seed in range(20):
        is_cell, scores = scored(seed, count=60)
        two = {arm: scores[arm] for arm in "ac"}
        table = compare_arms(is_cell, two, dict.fromkeys(two, 0.5), seed=seed, resamples=100)
        assert (table["low_joint"] <= table["low"]).all()
        assert (table["high_joint"] >= table["high"]).all()
