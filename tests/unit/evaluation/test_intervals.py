"""Intervals: known formulas, known coverage."""

import math

import numpy as np
import pytest
from scipy.stats import binom, norm
from sklearn.metrics import roc_auc_score

from cellsift.evaluation.intervals import (
    delong,
    false_positive_rate_bounds,
    percentile_interval,
    wilson,
    wilson_f1,
)
from cellsift.evaluation.resampling import blocks_of, drawn_units, resampled_weights


def test_wilson_covers_a_share_95_times_in_100():
    outcomes = np.arange(51)
    bounds = np.array([wilson(k, 50) for k in outcomes])
    coverage = [
        binom.pmf(outcomes, 50, share)[(bounds[:, 0] <= share) & (share <= bounds[:, 1])].sum()
        for share in np.linspace(0.05, 0.95, 91)
    ]
    assert np.mean(coverage) == pytest.approx(0.95, abs=0.01)


def test_wilson_of_nothing_is_unknown_and_of_no_failure_is_not_certain():
    assert all(math.isnan(bound) for bound in wilson(0, 0))
    low, high = wilson(10, 10)
    assert high == pytest.approx(1)
    assert 0.65 < low < 0.75


def test_f1_interval_holds_f1_and_shrinks_with_more_cells():
    low, high = wilson_f1(80, 40)
    assert low < 2 * 80 / (2 * 80 + 40) < high
    narrow = wilson_f1(800, 400)
    assert narrow[1] - narrow[0] < (high - low) / 2


def drawn(units, clusters, resamples) -> np.ndarray:
    return np.concatenate(list(resampled_weights(units, clusters, resamples, seed=0)))


def normal_scores(generator, cells, others):
    is_cell = np.repeat([True, False], [cells, others])
    return is_cell, generator.normal(size=cells + others) + 1.2 * is_cell


def test_delong_agrees_with_sklearn_and_the_bootstrap():
    is_cell, scores = normal_scores(np.random.default_rng(2), 150, 250)
    scores = scores.round(1)  # many ties
    area, low, high = delong(is_cell, scores)
    assert area == pytest.approx(roc_auc_score(is_cell, scores))
    weights = drawn(400, None, 400)
    areas = [roc_auc_score(is_cell, scores, sample_weight=w) for w in weights]
    assert np.quantile(areas, [0.025, 0.975]) == pytest.approx([low, high], abs=0.01)


def test_delong_covers_the_true_area():
    generator = np.random.default_rng(3)
    true_area = 0.80193  # of two normal distributions 1.2 standard deviations apart
    covered = 0
    for _ in range(400):
        _, low, high = delong(*normal_scores(generator, 40, 60))
        covered += low <= true_area <= high
    assert 0.92 <= covered / 400 <= 0.98


@pytest.mark.parametrize(("cells", "others"), [(20, 30), (1, 30), (1, 1)])
def test_delong_is_not_certain_of_classes_perfectly_apart(cells, others):
    is_cell = np.repeat([True, False], [cells, others])
    area, low, high = delong(is_cell, is_cell.astype(float))
    assert (area, high) == (1, 1)
    assert 0 < low < 0.97
    area, low, high = delong(is_cell, 1.0 - is_cell)
    assert (area, low) == (0, 0)
    assert 0.03 < high < 1


def test_delong_needs_both_classes():
    assert all(math.isnan(number) for number in delong(np.ones(5, bool), np.arange(5)))


def test_resamples_keep_the_number_of_rows_and_repeat_by_seed():
    (weights,) = resampled_weights(100, None, 50, seed=4)
    assert weights.shape == (50, 100)
    assert (weights.sum(axis=1) == 100).all()
    (again,) = resampled_weights(100, None, 50, seed=4)
    (other,) = resampled_weights(100, None, 50, seed=5)
    assert (weights == again).all()
    assert (weights != other).any()


def test_clustered_resamples_draw_whole_brains_first():
    weights = drawn(60, np.tile(["a", "b", "c"], 20), 400)
    of_brain = weights.reshape(400, 20, 3).sum(axis=1)
    assert set(np.unique(of_brain)) == {0, 20, 40, 60}
    assert (of_brain.sum(axis=1) == 60).all()
    assert of_brain.mean(axis=0) == pytest.approx([20, 20, 20], abs=3)
    assert (of_brain == 0).mean() == pytest.approx((2 / 3) ** 3, abs=0.05)


def test_blocks_are_cubes_of_100_micrometres():
    positions = np.array([[-1, 0, 0], [0, 0, 0], [99.9, 99.9, 99.9], [0, 0, 100], [5, 99, 150]])
    block = blocks_of(positions)
    assert (block[:, None] == block).sum(axis=1).tolist() == [1, 2, 2, 2, 2]
    assert block[1] == block[2] != block[3] == block[4]
    assert len(blocks_of(np.zeros((0, 3)))) == 0
    scattered = np.random.default_rng(0).uniform(-500, 900, (3000, 3))
    cubes = {tuple(cube) for cube in np.floor(scattered / 50).astype(int)}
    assert len(np.unique(blocks_of(scattered, 50))) == len(cubes)


def test_units_are_blocks_where_there_are_enough_and_never_span_brains():
    brain, block = np.repeat(["a", "b"], [60, 30]), np.arange(90) % 25
    unit, brains = drawn_units(90, brain, block)
    assert brains.tolist() == ["a"] * 25 + ["b"] * 25
    assert (unit[:60] == block[:60]).all()
    assert (brains[unit] == brain).all()
    few = np.where(brain == "b", block % 19, block)
    unit, brains = drawn_units(90, brain, few)
    assert brains.tolist() == ["a"] * 25 + ["b"] * 30
    assert unit[60:].tolist() == list(range(25, 55))
    assert drawn_units(4)[0].tolist() == [0, 1, 2, 3]
    assert [len(part) for part in drawn_units(0)] == [0, 0]


def test_false_positive_rate_bounds_cover_the_truth_and_need_many_cells():
    generator = np.random.default_rng(5)
    truth = norm.sf(norm.ppf(0.01) + 2)  # artefacts above the score that 99% of cells exceed
    covered = 0
    for _ in range(200):
        is_cell = np.repeat([True, False], [500, 300])
        scores = generator.normal(size=800) + 2 * is_cell
        low, high = false_positive_rate_bounds(is_cell, scores, 0.99)
        covered += low <= truth <= high
    assert covered / 200 >= 0.95
    few = np.repeat([True, False], [100, 300])
    assert false_positive_rate_bounds(few, few.astype(float), 0.99)[1] == 1
    assert all(math.isnan(bound) for bound in false_positive_rate_bounds(few[:3], few[:3], 0.99))


def test_many_rows_come_in_portions():
    portions = list(resampled_weights(500_000, None, 9, seed=0))
    assert len(portions) > 1
    assert sum(len(portion) for portion in portions) == 9


def test_percentile_interval_holds_the_value_and_leaves_out_nan():
    assert percentile_interval(0.9, np.array([0.1, math.nan, 0.2])) == (pytest.approx(0.1025), 0.9)
    assert all(math.isnan(bound) for bound in percentile_interval(0.9, np.array([math.nan])))
    assert all(math.isnan(bound) for bound in percentile_interval(math.nan, np.ones(3)))
