"""Metrics of classification, their curves, and the comparison of arms."""

import math
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from cellsift.errors import InputError
from cellsift.evaluation.classification import classification_metrics, confusion
from cellsift.evaluation.comparison import compare_arms
from cellsift.evaluation.curves import precision_recall_points, reliability, roc_points
from cellsift.evaluation.ranking import METRICS, RATE, Ranking


def candidates(seed: int, count: int, apart: float = 2.0) -> tuple[np.ndarray, np.ndarray]:
    """Labels and probabilities, rounded so coarsely that many are equal."""
    generator = np.random.default_rng(seed)
    is_cell = generator.random(count) < 0.3
    logits = generator.normal(-apart / 2, 1, count) + apart * is_cell
    return is_cell, (1 / (1 + np.exp(-logits))).round(2)


def values(table: pd.DataFrame) -> dict:
    return dict(zip(table["metric"], table["value"], strict=True))


def test_values_are_those_of_sklearn():
    is_cell, p_cell = candidates(0, 700)
    called = p_cell >= 0.6
    found = values(classification_metrics(is_cell, p_cell, 0.6, resamples=10))
    rates, recalls, _ = reference.roc_curve(is_cell, p_cell)
    expected = {
        "precision": reference.precision_score(is_cell, called),
        "recall": reference.recall_score(is_cell, called),
        "specificity": reference.recall_score(~is_cell, ~called),
        "f1": reference.f1_score(is_cell, called),
        "accuracy": reference.accuracy_score(is_cell, called),
        "roc_auc": reference.roc_auc_score(is_cell, p_cell),
        "average_precision": reference.average_precision_score(is_cell, p_cell),
        RATE: rates[recalls >= 0.99].min(),
        "brier": reference.brier_score_loss(is_cell, p_cell),
    }
    assert found == pytest.approx(expected)
    assert tuple(found) == METRICS


def test_resampled_values_are_those_of_sklearn_on_the_resample():
    is_cell, p_cell = candidates(1, 300)
    weights = np.random.default_rng(0).integers(0, 4, (5, 300))
    found = Ranking(is_cell, p_cell, 0.5, np.arange(300)).statistics(weights)
    for row, drawn in enumerate(weights):
        area = reference.roc_auc_score(is_cell, p_cell, sample_weight=drawn)
        average = reference.average_precision_score(is_cell, p_cell, sample_weight=drawn)
        f1 = reference.f1_score(is_cell, p_cell >= 0.5, sample_weight=drawn)
        brier = reference.brier_score_loss(is_cell, p_cell, sample_weight=drawn)
        assert found["roc_auc"][row] == pytest.approx(area)
        assert found["average_precision"][row] == pytest.approx(average)
        assert found["f1"][row] == pytest.approx(f1)
        assert found["brier"][row] == pytest.approx(brier)


labelled = st.lists(
    st.tuples(
        st.sampled_from(["cell", "no_cell", "ambiguous"]),
        st.integers(0, 10).map(lambda tenths: tenths / 10),
        st.sampled_from("abc"),
    ),
    max_size=30,
)


@settings(max_examples=80, deadline=None)
@given(labelled, st.floats(0, 1), st.booleans())
def test_any_candidates_give_ordered_bounds_within_0_and_1(rows, threshold, grouped):
    labels, p_cell, groups = ([row[column] for row in rows] for column in range(3))
    table = classification_metrics(
        np.array(labels, object), p_cell, threshold, groups if grouped else None, resamples=20
    )
    known = table.dropna()
    assert known[["value", "low", "high"]].stack().between(0, 1).all()
    assert ((known["low"] <= known["value"]) & (known["value"] <= known["high"])).all()
    unknown = table[table["value"].isna()]
    assert unknown[["low", "high"]].isna().all(axis=None)


@pytest.mark.parametrize(
    ("labels", "p_cell", "unknown"),
    [
        ([True, True], [0.9, 0.1], {"specificity", "roc_auc", "average_precision", RATE}),
        ([False, False], [0.9, 0.1], {"recall", "roc_auc", "average_precision", RATE}),
        ([True, False], [0.3, 0.1], {"precision"}),
        ([False, False], [0.3, 0.1], set(METRICS) - {"specificity", "accuracy", "brier"}),
        ([], [], set(METRICS)),
    ],
)
def test_what_has_no_meaning_is_nan(labels, p_cell, unknown):
    table = classification_metrics(np.array(labels, bool), p_cell, 0.5, resamples=20)
    assert set(table.loc[table["value"].isna(), "metric"]) == unknown
    assert table[table["metric"].isin(unknown)][["low", "high"]].isna().all(axis=None)


def test_faultless_results_are_not_certain():
    is_cell = np.repeat([True, False], [30, 60])
    table = classification_metrics(is_cell, is_cell.astype(float), 0.5).set_index("metric")
    for metric in set(METRICS) - {RATE, "brier"}:
        assert table.loc[metric, "value"] == 1
        assert 0.8 < table.loc[metric, "low"] < 0.99, metric
    assert table.loc[RATE, "value"] == 0 < table.loc[RATE, "high"]


def test_ambiguous_candidates_change_nothing():
    is_cell, p_cell = candidates(2, 200)
    labels = np.where(is_cell, "cell", "no_cell").astype(object)
    more = np.concatenate([labels, ["ambiguous"] * 50])
    scores = np.concatenate([p_cell, np.full(50, 0.99)])
    pd.testing.assert_frame_equal(
        classification_metrics(more, scores, 0.5, resamples=50),
        classification_metrics(is_cell, p_cell, 0.5, resamples=50),
    )
    assert confusion(more, scores, 0.5)["ambiguous"] == 50


def test_scores_that_are_no_probabilities_have_no_brier():
    is_cell, p_cell = candidates(3, 200)
    kept = classification_metrics(is_cell, p_cell, 0.5, resamples=50).set_index("metric")
    scaled = classification_metrics(
        is_cell, 1000 * p_cell, 500, resamples=50, is_probability=False
    ).set_index("metric")
    pd.testing.assert_frame_equal(scaled.drop("brier"), kept.drop("brier"))
    assert scaled.loc["brier"].isna().all()


@pytest.mark.parametrize("metric", ["f1", "average_precision", "brier"])
def test_bootstrap_intervals_cover_the_truth(metric):
    truth = values(classification_metrics(*candidates(4, 200_000), 0.5, resamples=1))[metric]
    covered = 0
    for seed in range(120):
        table = classification_metrics(*candidates(seed, 250), 0.5, resamples=200, seed=seed)
        row = table.set_index("metric").loc[metric]
        covered += row["low"] <= truth <= row["high"]
    assert 0.88 <= covered / 120 <= 0.995


def test_brains_that_differ_widen_every_interval():
    parts = [candidates(seed, 400, apart) for seed, apart in enumerate([0.5, 1.5, 2.5, 3.5])]
    is_cell, p_cell = (np.concatenate(column) for column in zip(*parts, strict=True))
    alone = classification_metrics(is_cell, p_cell, 0.5)
    grouped = classification_metrics(is_cell, p_cell, 0.5, groups=np.repeat(list("abcd"), 400))
    assert alone["value"].equals(grouped["value"])
    wider = (grouped["high"] - grouped["low"]) / (alone["high"] - alone["low"])
    assert (wider[alone["metric"] != RATE] > 1.3).all()
    assert (wider >= 1).all()


def in_blocks(seed: int, blocks: int = 80, each: int = 20) -> tuple[np.ndarray, ...]:
    """Candidates of as many blocks, some of which hold cells that are hard to tell."""
    generator = np.random.default_rng(seed)
    block = np.repeat(np.arange(blocks), each)
    is_cell = generator.random(len(block)) < generator.uniform(0.1, 0.5, blocks)[block]
    shift = generator.normal(0, 1.5, blocks)[block]
    logits = generator.normal(-1, 1, len(block)) + 2 * is_cell + shift
    return is_cell, (1 / (1 + np.exp(-logits))).round(3), block


def test_errors_that_lie_together_widen_every_interval():
    is_cell, p_cell, block = in_blocks(0)
    scattered = np.random.default_rng(1).permutation(block)
    widths = []
    for blocks in (None, scattered, block):
        table = classification_metrics(is_cell, p_cell, 0.5, blocks=blocks).set_index("metric")
        widths.append(table["high"] - table["low"])
    alone, apart, together = widths
    assert (together.drop(RATE) > 1.3 * alone.drop(RATE)).all()
    assert together[RATE] >= alone[RATE]
    assert (apart < 1.15 * alone).all(), "what is scattered at random is as good as independent"


def test_intervals_over_blocks_cover_the_truth_where_those_over_candidates_do_not():
    truth = classification_metrics(*in_blocks(9, 20_000)[:2], 0.5, resamples=1)["value"]
    covered = np.zeros((2, len(METRICS)))
    for seed in range(60):
        is_cell, p_cell, block = in_blocks(seed)
        for place, blocks in enumerate([block, None]):
            table = classification_metrics(
                is_cell, p_cell, 0.5, blocks=blocks, seed=seed, resamples=100
            )
            covered[place] += (table["low"] <= truth) & (truth <= table["high"])
    by_blocks, by_candidates = covered / 60
    assert by_blocks.min() > 0.83
    assert by_blocks.mean() > 0.9
    assert by_candidates.mean() < 0.75


def test_too_few_blocks_are_as_good_as_none():
    is_cell, p_cell, block = in_blocks(2, blocks=19)
    pd.testing.assert_frame_equal(
        classification_metrics(is_cell, p_cell, 0.5, blocks=block),
        classification_metrics(is_cell, p_cell, 0.5),
    )


def test_two_arms_that_err_in_other_places_are_harder_to_tell_apart():
    is_cell, p_cell, block = in_blocks(3)
    generator = np.random.default_rng(4)
    other = np.clip(p_cell + generator.normal(0, 0.25, 80)[block], 0, 1)
    scores, thresholds = {"a": p_cell, "b": other}, {"a": 0.5, "b": 0.5}
    alone, together = (
        compare_arms(is_cell, scores, thresholds, blocks=blocks) for blocks in (None, block)
    )
    assert together["difference"].equals(alone["difference"])
    wider = (together["high"] - together["low"]) / (alone["high"] - alone["low"])
    assert (wider > 1.5).all()
    one_brain = compare_arms(is_cell, scores, thresholds, ["x"] * len(is_cell), block)
    pd.testing.assert_frame_equal(one_brain, together)


def test_steps_of_a_long_ranking_that_are_taken_together_change_no_resample_much(monkeypatch):
    is_cell, p_cell, block = in_blocks(5, blocks=400)
    p_cell = p_cell + np.random.default_rng(0).random(len(p_cell)) / 1000
    weights = np.random.default_rng(6).integers(0, 3, (4, 400))
    exact = Ranking(is_cell, p_cell, 0.6, block).statistics(weights)
    monkeypatch.setattr("cellsift.evaluation.ranking.MOST_STEPS", 500)
    coarse = Ranking(is_cell, p_cell, 0.6, block)
    assert coarse.cells.shape[1] <= 501
    for metric, found in coarse.statistics(weights).items():
        by_rank = metric in ("roc_auc", "average_precision", RATE)
        np.testing.assert_allclose(found, exact[metric], atol=0.004 if by_rank else 1e-12)
    for threshold in (0, 2):
        extreme = Ranking(is_cell, p_cell, threshold, block).statistics(weights)
        assert (extreme["recall"] == (threshold == 0)).all()


def test_one_group_is_no_group_and_the_seed_decides():
    is_cell, p_cell = candidates(5, 300)
    first = classification_metrics(is_cell, p_cell, 0.5, seed=1)
    pd.testing.assert_frame_equal(
        first, classification_metrics(is_cell, p_cell, 0.5, groups=["a"] * 300, seed=1)
    )
    assert not first.equals(classification_metrics(is_cell, p_cell, 0.5, seed=2))


def test_a_hundred_thousand_candidates_take_seconds():
    is_cell, p_cell, block = in_blocks(6, blocks=20_000, each=5)
    start = time.perf_counter()
    classification_metrics(is_cell, p_cell, 0.5, blocks=block, resamples=200)
    assert time.perf_counter() - start < 10


@pytest.mark.parametrize(
    ("labels", "p_cell", "complaint"),
    [
        (["cell", "no_cell"], [0.5], "1 scores but 2 labels"),
        (["cell", "nocell"], [0.5, 0.5], "'nocell'"),
        (["cell", math.nan], [0.5, 0.5], "nan"),
        (["cell", "no_cell"], [0.5, math.nan], "not finite"),
        (["cell", "no_cell"], [0.5, 7], "0..1"),
    ],
)
def test_unusable_scores_are_refused(labels, p_cell, complaint):
    with pytest.raises(InputError, match=complaint):
        classification_metrics(np.array(labels, object), p_cell, 0.5)


def test_groups_and_blocks_are_needed_for_every_candidate():
    for name in ("groups", "blocks"):
        with pytest.raises(InputError, match=f"2 scores but 1 {name}"):
            classification_metrics(np.array([True, False]), [0.5, 0.5], 0.5, **{name: [1]})
        with pytest.raises(InputError, match=f"2 scores but 1 {name}"):
            compare_arms(np.array([True, False]), {"a": [0.5, 0.5]}, {"a": 0.5}, **{name: [1]})


def test_curves_enclose_the_areas_of_the_metrics_though_thinned():
    is_cell, p_cell = candidates(7, 20_000)
    p_cell = p_cell + np.random.default_rng(0).random(20_000) / 200
    roc = roc_points(is_cell, p_cell)
    area = np.trapezoid(roc["recall"], roc["false_positive_rate"])
    assert area == pytest.approx(reference.roc_auc_score(is_cell, p_cell), abs=2e-3)
    curve = precision_recall_points(is_cell, p_cell)
    area = np.trapezoid(curve["precision"], curve["recall"])
    expected = reference.average_precision_score(is_cell, p_cell)
    assert area == pytest.approx(expected, abs=5e-3)
    assert max(len(roc), len(curve)) <= 500
    assert roc.iloc[0, :2].tolist() == [0, 0]
    assert roc.iloc[-1, :2].tolist() == [1, 1]
    assert curve.iloc[0, :2].tolist() == [0, 1]
    assert curve["recall"].iloc[-1] == 1
    assert curve["recall"].is_monotonic_increasing


def test_curve_points_are_what_their_threshold_gives():
    is_cell, p_cell = candidates(8, 300)
    for point in precision_recall_points(is_cell, p_cell).dropna().itertuples():
        called = p_cell >= point.threshold
        assert point.recall == pytest.approx(called[is_cell].mean())
        assert point.precision == pytest.approx(is_cell[called].mean())
    for point in roc_points(is_cell, p_cell).dropna().itertuples():
        assert point.recall == pytest.approx((p_cell >= point.threshold)[is_cell].mean())


def test_curves_of_one_class_are_empty():
    for draw in (roc_points, precision_recall_points):
        assert draw(np.ones(4, bool), [0.1, 0.2, 0.3, 0.4]).empty
        assert draw(np.ones(0, bool), []).empty
    assert reliability(np.ones(0, bool), []).empty


def test_reliability_of_true_probabilities_lies_on_the_diagonal():
    generator = np.random.default_rng(9)
    p_cell = generator.random(20_000)
    table = reliability(generator.random(20_000) < p_cell, p_cell)
    assert len(table) == 10
    assert table["candidates"].sum() == 20_000
    assert (table["cell_share"] - table["p_cell"]).abs().max() < 0.04
    assert ((table["low"] <= table["p_cell"]) & (table["p_cell"] <= table["high"])).sum() >= 8
    assert reliability([True], [1.0])[["p_low", "p_high"]].to_numpy().tolist() == [[0.9, 1.0]]


def test_comparison_is_paired():
    is_cell, p_cell = candidates(10, 600, apart=1.5)
    better = np.clip(p_cell + 0.1 * is_cell, 0, 1)
    table = compare_arms(
        is_cell, {"a": p_cell, "b": better, "c": p_cell}, dict.fromkeys("abc", 0.5), resamples=400
    ).set_index(["arm_a", "arm_b", "metric"])
    assert len(table) == 9
    plain = {
        arm: classification_metrics(is_cell, p, 0.5, resamples=400).set_index("metric")
        for arm, p in {"a": p_cell, "b": better}.items()
    }
    for metric in ("f1", "average_precision", "roc_auc"):
        row = table.loc[("a", "b", metric)]
        assert row["difference"] == pytest.approx(
            plain["a"].loc[metric, "value"] - plain["b"].loc[metric, "value"]
        )
        assert row["low"] <= row["difference"] <= row["high"] < 0
        unpaired = plain["a"].loc[metric, "high"] - plain["a"].loc[metric, "low"]
        assert row["high"] - row["low"] < unpaired
        assert (table.loc[("a", "c", metric)] == 0).all()


def test_evaluation_knows_no_torch():
    check = "import sys, cellsift.evaluation.summary; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
