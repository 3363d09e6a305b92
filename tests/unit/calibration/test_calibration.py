"""Temperature and threshold from out-of-fold scores."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score, log_loss

from cellsift.calibration.calibrate import (
    calibrate,
    choose_threshold,
    fit_temperature,
)
from cellsift.calibration.decision import cell_probability
from cellsift.errors import InputError


def out_of_fold(logits, is_cell) -> pd.DataFrame:
    labels = np.where(is_cell, "cell", "no_cell")
    columns = {"brain": "a", "candidate": range(len(labels)), "label": labels, "fold": 0}
    return pd.DataFrame(columns | {"logit": logits})


@pytest.fixture(scope="module")
def scores() -> pd.DataFrame:
    """Logits that are three times too sure of themselves."""
    generator = np.random.default_rng(1)
    true_logits = generator.normal(-0.5, 2, 4000)
    is_cell = generator.random(4000) < 1 / (1 + np.exp(-true_logits))
    return out_of_fold(3 * true_logits, is_cell)


def test_temperature_undoes_overconfidence(scores):
    result = calibrate(scores)
    assert result["temperature"] == pytest.approx(3, rel=0.1)
    before, after = (result[f"negative_log_likelihood_{when}"] for when in ("before", "after"))
    assert after < before
    assert before == pytest.approx(log_loss(scores.label == "cell", _sigmoid(scores.logit)))


def test_threshold_has_the_highest_f1_of_all(scores):
    result = calibrate(scores, "f1")
    is_cell = (scores.label == "cell").to_numpy()
    p_cell = cell_probability(scores.logit, result["temperature"])
    reached = f1_score(is_cell, p_cell >= result["threshold"])
    assert result["f1"] == pytest.approx(reached)
    others = [f1_score(is_cell, p_cell >= cut) for cut in np.linspace(0, 1, 201)]
    assert reached >= max(others)


def test_threshold_reaches_the_recall_with_the_fewest_candidates(scores):
    result = calibrate(scores, {"recall": 0.99})
    p_cell = cell_probability(scores.logit, result["temperature"])
    cells = p_cell[scores.label == "cell"]
    assert (cells >= result["threshold"]).mean() >= 0.99
    higher = p_cell[p_cell > result["threshold"]].min() + 1e-9
    assert (cells >= higher).mean() < 0.99


def test_result_is_ready_for_json_and_ignores_ambiguous_rows_and_order(scores):
    strange = scores.head(500).assign(label="ambiguous", logit=np.nan, brain="b")
    mixed = pd.concat([scores, strange]).sample(frac=1, random_state=0)
    result = calibrate(mixed, {"recall": 0.9})
    assert result == calibrate(scores, {"recall": 0.9})
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    assert result["n"] == result["cells"] + result["no_cells"] == 4000


def test_separable_scores_keep_their_ranking():
    logits = np.concatenate([np.linspace(2, 6, 50), np.linspace(-6, -2, 80)])
    result = calibrate(out_of_fold(logits, logits > 0))
    p_cell = cell_probability(logits, result["temperature"])
    assert result["f1"] == 1
    assert 0.2 < result["threshold"] < 0.8
    assert len(np.unique(p_cell)) > 120, "probabilities must not collapse to 0 and 1"


def test_threshold_lies_midway_between_neighbouring_scores():
    is_cell, scores = np.array([1, 1, 0, 0], bool), np.array([0.9, 0.8, 0.4, 0.2])
    assert choose_threshold(is_cell, scores) == pytest.approx(0.6)
    assert choose_threshold(is_cell, scores, {"recall": 0.5}) == pytest.approx(0.85)
    # Where all candidates have to be taken, the lowest score is the threshold.
    assert choose_threshold(~is_cell, scores, {"recall": 1}) == 0.2


def test_equal_scores_are_not_split():
    is_cell, scores = np.array([1, 0, 1, 0], bool), np.array([0.7, 0.7, 0.7, 0.1])
    assert choose_threshold(is_cell, scores, {"recall": 0.3}) == pytest.approx(0.4)


def test_of_equal_f1_the_cut_with_more_recall_wins():
    # One of two cells alone, or both with two artefacts: F1 is 2/3 either way.
    is_cell, scores = np.array([1, 0, 0, 1], bool), np.array([0.8, 0.6, 0.4, 0.2])
    assert choose_threshold(is_cell, scores) == 0.2


@pytest.mark.parametrize("logits", [np.zeros(20), np.tile([-3.0, 3.0], 10)])
def test_worthless_scores_still_give_finite_numbers(logits):
    result = calibrate(out_of_fold(logits, np.repeat([True, False], 10)))
    assert np.isfinite(result["temperature"])
    assert 0 <= result["threshold"] <= 1


@pytest.mark.parametrize("label", ["cell", "no_cell"])
def test_one_class_alone_is_refused(scores, label):
    with pytest.raises(InputError, match="needs both"):
        calibrate(scores[scores.label == label])


def test_no_rows_are_refused(scores):
    with pytest.raises(InputError, match="needs both"):
        calibrate(scores.head(0))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_scores_that_are_not_finite_are_refused_by_name(scores, value):
    broken = scores.copy()
    broken.loc[7, "logit"] = value
    with pytest.raises(InputError, match="candidate 7 of brain a"):
        calibrate(broken)


def test_two_scores_of_one_candidate_are_refused(scores):
    with pytest.raises(InputError, match="more than one out-of-fold score"):
        calibrate(pd.concat([scores, scores.tail(1)]))


def test_missing_columns_are_named(scores):
    with pytest.raises(InputError, match="logit"):
        calibrate(scores.drop(columns="logit"))


@pytest.mark.parametrize("criterion", ["accuracy", {"recall": 0}, {"recall": 1.2}, {"f1": 1}, 0.5])
def test_unknown_criteria_are_refused(scores, criterion):
    with pytest.raises(InputError, match="criterion"):
        calibrate(scores, criterion)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.booleans(), st.floats(-30, 30)), min_size=2, max_size=40).filter(
        lambda rows: len({is_cell for is_cell, _ in rows}) == 2
    ),
    st.floats(0.05, 1),
)
def test_any_scores_give_a_usable_threshold(rows, recall):
    is_cell, logits = (np.array(column) for column in zip(*rows, strict=True))
    temperature = fit_temperature(is_cell, logits)
    assert 0.01 <= temperature <= 100
    p_cell = cell_probability(logits, temperature)
    threshold = choose_threshold(is_cell, p_cell, {"recall": recall})
    assert 0 <= threshold <= 1
    assert (p_cell[is_cell] >= threshold).mean() >= recall - 1e-9


def _sigmoid(logits):
    return 1 / (1 + np.exp(-np.asarray(logits)))
