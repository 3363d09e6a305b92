"""Tests by brain: what differs from brain to brain by chance is not taken for a better arm."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy.stats import permutation_test, ttest_1samp

from cellsift.benchmarks.verdicts.brains import draw_brains
from cellsift.evaluation.brain_tests import (
    FEWEST_BRAINS,
    brain_tests,
    sign_flip_test,
    without_each_brain,
)
from cellsift.evaluation.comparison import compare_arms
from cellsift.evaluation.paired_tests import holm


def by_brain(differences: np.ndarray, pairs=(("a", "b"),), metric: str = "f1") -> pd.DataFrame:
    """The table of differences (brains, pairs)."""
    return pd.DataFrame(
        [
            (*pair, f"brain {brain}", metric, differences[brain, place])
            for brain in range(len(differences))
            for place, pair in enumerate(pairs)
        ],
        columns=["arm_a", "arm_b", "brain", "metric", "difference"],
    )


def f1_apart(drawn) -> np.ndarray:
    """The difference in F1 of the first two arms in each brain."""
    _, brain = np.unique(drawn.brain, return_inverse=True)
    f1 = []
    for arm in ("arm 1", "arm 2"):
        called = drawn.scores[arm] >= 0
        hits = np.bincount(brain, called & drawn.is_cell)
        f1.append(2 * hits / (2 * hits + np.bincount(brain, called != drawn.is_cell)))
    return f1[0] - f1[1]


@pytest.mark.parametrize("brains", [6, 9, 12])
def test_p_is_that_of_scipys_permutation_test(brains):
    apart = np.random.default_rng(brains).normal(0.4, 1, brains)
    expected = permutation_test(
        (apart,), np.mean, permutation_type="samples", n_resamples=np.inf, vectorized=False
    ).pvalue
    found, joint = sign_flip_test(apart[:, None])
    assert found[0] == pytest.approx(expected)
    assert joint[0] == found[0]


def test_with_many_brains_drawn_signs_come_near_the_t_test():
    apart = np.random.default_rng(0).normal(0.4, 1, 30)
    found, _ = sign_flip_test(apart[:, None], seed=3)
    assert found[0] == pytest.approx(ttest_1samp(apart, 0).pvalue, abs=0.01)
    assert sign_flip_test(np.ones((30, 1)))[0][0] == 1 / 10_000


def test_joint_p_is_that_of_all_ways_step_by_step():
    random = np.random.default_rng(5)
    apart = random.normal([0.9, 0.5, 0.0], 1, (7, 3))
    scaled = apart / np.sqrt((apart**2).sum(axis=0))
    ways = np.abs(np.array(list(product([1, -1], repeat=7))) @ scaled)
    seen = np.abs(scaled.sum(axis=0))
    expected, last = np.empty(3), 0.0
    left = list(np.argsort(-seen))
    while left:
        share = (ways[:, left].max(axis=1) >= seen[left[0]] - 1e-9).mean()
        last = expected[left.pop(0)] = max(last, share)
    found, joint = sign_flip_test(apart)
    assert joint == pytest.approx(expected)
    assert (joint >= found).all()


def test_with_six_brains_many_pairs_can_be_told_apart_jointly_though_not_by_holm():
    apart = np.random.default_rng(1).normal(3, 0.1, (6, 10))
    found, joint = sign_flip_test(apart)
    assert (joint < 0.05).all()
    assert (holm(found) > 0.05).all()


def test_fewer_than_six_brains_have_no_p_and_six_can_have_one_below_a_twentieth():
    assert brain_tests(by_brain(np.ones((FEWEST_BRAINS - 1, 1)))).empty
    (row,) = brain_tests(by_brain(np.ones((FEWEST_BRAINS, 1)))).to_dict("records")
    assert (row["p"], row["units"], row["difference"]) == (2 / 2**6, 6, 1)
    assert 2 / 2 ** (FEWEST_BRAINS - 1) > 0.05


def test_a_brain_in_which_nothing_is_known_is_none():
    apart = np.random.default_rng(2).normal(1, 1, (8, 2))
    apart[0, 0] = np.nan
    table = brain_tests(by_brain(apart, pairs=(("a", "b"), ("a", "c"))))
    assert table["units"].tolist() == [7, 8]
    assert table["p"][0] == sign_flip_test(apart[1:, :1])[0][0]
    assert table["difference"][0] == pytest.approx(apart[1:, 0].mean())
    assert table["statistic"][1] == pytest.approx(ttest_1samp(apart[:, 1], 0).statistic)
    apart[:3, 0] = np.nan
    (left,) = brain_tests(by_brain(apart, pairs=(("a", "b"), ("a", "c"))))["arm_b"]
    assert left == "c"


def test_equal_arms_have_p_1_and_swapped_ones_the_same_p():
    assert sign_flip_test(np.zeros((6, 2)))[0].tolist() == [1, 1]
    apart = np.random.default_rng(3).normal(0.5, 1, (20, 3))
    for one, other in zip(sign_flip_test(apart), sign_flip_test(-apart), strict=True):
        assert one.tolist() == other.tolist()


def test_each_metric_is_a_family_of_its_own():
    random = np.random.default_rng(4)
    f1, area = (
        by_brain(random.normal(1, 1, (7, 2)), (("a", "b"), ("a", "c")), metric)
        for metric in ("f1", "roc_auc")
    )
    both = brain_tests(pd.concat([f1, area]))
    alone = pd.concat([brain_tests(f1), brain_tests(area)], ignore_index=True)
    pd.testing.assert_frame_equal(both, alone)


@pytest.mark.parametrize("brains", [8, 15])
def test_of_500_pairs_that_are_alike_3_to_7_in_100_are_told_apart(brains):
    """Brains and blocks differ, and candidates hang together in both."""
    random = np.random.default_rng(11)
    apart = [f1_apart(draw_brains(brains, 2, random)) for _ in range(500)]
    p_values, _ = sign_flip_test(np.stack(apart, axis=1))
    assert 0.03 <= np.mean(p_values < 0.05) <= 0.07


def test_of_500_families_that_are_alike_few_have_any_pair_told_apart():
    random = np.random.default_rng(6)
    pairs = [(a, b) for a in range(5) for b in range(a)]
    errors = 0
    for _ in range(500):
        # Arms that stray unevenly, with long tails: some are good in a few brains only.
        arms = random.standard_t(3, (8, 5)) * [1, 1, 1, 3, 3]
        joint = sign_flip_test(np.stack([arms[:, a] - arms[:, b] for a, b in pairs], axis=1))[1]
        errors += joint.min() < 0.05
    assert errors / 500 <= 0.07


def test_what_is_left_without_a_brain_is_the_comparison_of_the_others():
    drawn = draw_brains(4, 3, np.random.default_rng(7))
    thresholds = dict.fromkeys(drawn.scores, 0.0)
    found = without_each_brain(drawn.is_cell, drawn.scores, thresholds, drawn.brain)
    assert len(found) == 4 * 3 * 3
    kept = drawn.brain != "brain 2"
    expected = compare_arms(
        drawn.is_cell[kept],
        {arm: score[kept] for arm, score in drawn.scores.items()},
        thresholds,
        resamples=1,
    )
    rows = found[found["left_out"] == "brain 2"]
    assert rows[["arm_a", "arm_b", "metric"]].to_numpy().tolist() == (
        expected[["arm_a", "arm_b", "metric"]].to_numpy().tolist()
    )
    assert rows["difference"].to_numpy() == pytest.approx(expected["difference"].to_numpy())


def test_of_one_brain_nothing_is_left():
    drawn = draw_brains(1, 2, np.random.default_rng(8))
    assert without_each_brain(
        drawn.is_cell, drawn.scores, dict.fromkeys(drawn.scores, 0.0), drawn.brain
    ).empty


def test_a_brain_without_a_label_that_counts_changes_nothing_when_left_out():
    drawn = draw_brains(3, 2, np.random.default_rng(9))
    labels = np.where(drawn.is_cell, "cell", "no_cell").astype(object)
    labels[drawn.brain == "brain 3"] = "ambiguous"
    thresholds = dict.fromkeys(drawn.scores, 0.0)
    found = without_each_brain(labels, drawn.scores, thresholds, drawn.brain)
    whole = compare_arms(labels, drawn.scores, thresholds, resamples=1)
    rows = found[found["left_out"] == "brain 3"]
    assert rows["difference"].tolist() == pytest.approx(whole["difference"].tolist())
