"""The expected calibration error: its value, its bias, and how often its interval holds it."""

import numpy as np
import pandas as pd
import pytest

from cellsift.errors import InputError
from cellsift.evaluation.calibration_error import equal_bins, expected_calibration_error


def drawn(seed: int, count: int, shift: float) -> tuple[np.ndarray, np.ndarray, float]:
    """Labels of candidates, p_cell that is too low by `shift`, and the true error in its bins."""
    random = np.random.default_rng(seed)
    p_cell = random.beta(0.6, 1.2, count)
    truth = np.clip(p_cell + shift, 0, 1)
    error = np.abs(np.bincount(equal_bins(p_cell), p_cell - truth)).sum() / count
    return random.random(count) < truth, p_cell, error


def found(labels, p_cell, **options) -> pd.Series:
    """What is told of one arm."""
    table = expected_calibration_error(labels, {"arm": p_cell}, **options)
    return table.drop(columns="arm").iloc[0]


def test_by_hand():
    """Two bins of 20: p_cell 0.2 with 7 cells of 20, p_cell 0.8 with 15 of 20."""
    p_cell = np.repeat([0.2, 0.8], 20)
    is_cell = np.tile(np.arange(20), 2) < np.repeat([7, 15], 20)
    row = found(is_cell, p_cell)
    assert (row["candidates"], row["bins"]) == (40, 2)
    assert row["ece"] == pytest.approx((abs(0.2 - 7 / 20) + abs(0.8 - 15 / 20)) / 2)


def test_value_is_that_of_bins_of_equal_numbers():
    is_cell, p_cell, _ = drawn(0, 1000, 0.1)
    by_rank = np.array_split(np.argsort(p_cell), 10)
    gaps = [abs(p_cell[part].mean() - is_cell[part].mean()) for part in by_rank]
    assert found(is_cell, p_cell)["ece"] == pytest.approx(np.mean(gaps))


def test_bins_hold_equal_numbers_and_never_part_equal_values():
    random = np.random.default_rng(1)
    assert np.bincount(equal_bins(random.random(1000))).tolist() == [100] * 10
    rounded = random.random(1000).round(1)
    bins = equal_bins(rounded)
    for value in np.unique(rounded):
        assert len(np.unique(bins[rounded == value])) == 1
    assert np.unique(equal_bins(random.random(45))).tolist() == [0, 1]
    assert equal_bins(np.zeros(500)).tolist() == [0] * 500


def test_true_probabilities_have_an_error_by_chance_alone_and_a_lower_bound_of_0():
    rows = pd.DataFrame(
        [found(*drawn(seed, 500, 0)[:2], seed=seed, resamples=200) for seed in range(100)]
    )
    assert rows["ece"].mean() > 0.02
    assert rows["by_chance"].mean() == pytest.approx(rows["ece"].mean(), rel=0.1)
    assert rows["corrected"].mean() < 0.7 * rows["ece"].mean()
    assert (rows["low"] == 0).mean() >= 0.9


@pytest.mark.parametrize("shift", [0.05, 0.15])
def test_the_interval_holds_the_true_error_and_the_correction_comes_near_it(shift):
    held, corrected = [], []
    for seed in range(100):
        is_cell, p_cell, truth = drawn(seed, 400, shift)
        row = found(is_cell, p_cell, seed=seed, resamples=200)
        held.append(row["low"] <= truth <= row["high"])
        corrected.append(row["corrected"] - truth)
    assert np.mean(held) >= 0.9
    assert abs(np.mean(corrected)) < 0.01


def test_brains_and_blocks_that_differ_make_it_less_certain():
    random = np.random.default_rng(3)
    brain = np.repeat(np.arange(4), 500)
    p_cell = random.random(2000)
    off = np.array([-0.2, -0.1, 0.1, 0.2])[brain]
    is_cell = random.random(2000) < np.clip(p_cell + off, 0, 1)
    alone, by_brain = found(is_cell, p_cell), found(is_cell, p_cell, groups=brain)
    assert alone["ece"] == by_brain["ece"]
    assert by_brain["high"] - by_brain["low"] > 1.5 * (alone["high"] - alone["low"])
    assert by_brain["by_chance"] > 2 * alone["by_chance"]


def test_ambiguous_candidates_count_nowhere_and_the_seed_decides():
    is_cell, p_cell, _ = drawn(4, 300, 0.1)
    labels = np.where(is_cell, "cell", "no_cell").astype(object)
    more = found(np.append(labels, ["ambiguous"] * 9), np.append(p_cell, [0.7] * 9), seed=2)
    pd.testing.assert_series_equal(more, found(is_cell, p_cell, seed=2))


def test_arms_are_told_as_if_each_were_alone():
    is_cell, p_cell, _ = drawn(5, 600, 0.1)
    coarse = np.full(600, 0.4)
    both = expected_calibration_error(is_cell, {"fine": p_cell, "coarse": coarse}, resamples=50)
    for row, alone in zip(both.itertuples(index=False), (p_cell, coarse), strict=True):
        assert row[1:] == pytest.approx(tuple(found(is_cell, alone, resamples=50)))
    assert both["bins"].tolist() == [10, 1]


@pytest.mark.parametrize("count", [0, 1, 5])
def test_next_to_no_candidates(count):
    row = found(np.ones(count, bool), np.full(count, 0.9))
    assert row["candidates"] == count
    if count:
        assert row["ece"] == pytest.approx(0.1)
        assert 0 <= row["low"] <= row["corrected"] <= row["high"] <= 1
    else:
        assert row[["ece", "by_chance", "corrected", "low", "high"]].isna().all()


def test_what_is_no_probability_is_refused():
    with pytest.raises(InputError, match=r"0\.\.1"):
        found(np.ones(2, bool), [0.5, 3.0])
