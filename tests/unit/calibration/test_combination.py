"""An ensemble's weights: the best there are, and scores that owe nothing to their own labels."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import log_loss, roc_auc_score

from cellsift.calibration.calibrate import calibrate
from cellsift.calibration.combination import METHODS, combine
from cellsift.calibration.decision import cell_probability
from cellsift.errors import InputError

FOLDS = 3


def table(logits: np.ndarray, is_cell: np.ndarray, folds: int = FOLDS) -> pd.DataFrame:
    rows = np.arange(len(logits))
    columns = {"brain": "a", "candidate": rows, "label": np.where(is_cell, "cell", "no_cell")}
    return pd.DataFrame(columns | {"fold": rows % folds, "logit": logits})


def planted(
    weights: dict[str, float], intercept: float = 0.0, count: int = 20_000, seed: int = 0
) -> dict[str, pd.DataFrame]:
    """Members' scores, and labels drawn with the log odds intercept + sum of weight * logit."""
    random = np.random.default_rng(seed)
    logits = {name: random.normal(0, 2, count) for name in weights}
    odds = intercept + sum(weights[name] * logits[name] for name in weights)
    is_cell = random.random(count) < 1 / (1 + np.exp(-odds))
    return {name: table(values, is_cell) for name, values in logits.items()}


def ones(scores) -> dict[str, float]:
    return dict.fromkeys(scores, 1.0)


@pytest.fixture(scope="module")
def members() -> dict[str, pd.DataFrame]:
    """Three members of some skill, on 300 candidates, of which some are ambiguous."""
    random = np.random.default_rng(3)
    is_cell = random.random(300) < 0.4
    scores = {
        name: table(np.where(is_cell, skill, -skill) + random.normal(0, 2, 300), is_cell)
        for name, skill in {"good": 2.0, "fair": 1.0, "poor": 0.3}.items()
    }
    for scored in scores.values():
        scored.loc[::10, "label"] = "ambiguous"
    return scores


@pytest.mark.parametrize("temperature", [1.0, 2.5])
def test_simplex_finds_planted_weights(temperature):
    wanted = {"a": 0.7, "b": 0.3, "c": 0.0}
    scores = {
        name: scored.assign(logit=scored["logit"] * temperature)
        for name, scored in planted(wanted).items()
    }
    found, _ = combine(scores, dict.fromkeys(scores, temperature), "simplex")
    assert found.weights == pytest.approx(wanted, abs=0.04)
    assert found.intercept == 0


def test_stacking_finds_planted_weights_and_intercept():
    wanted = {"a": 1.2, "b": -0.5}
    found, _ = combine(planted(wanted, intercept=0.8), {"a": 1, "b": 1}, "stacking")
    assert found.weights == pytest.approx(wanted, abs=0.05)
    assert found.intercept == pytest.approx(0.8, abs=0.06)


def test_no_other_shares_have_a_smaller_log_loss(members):
    found, _ = combine(members, ones(members), "simplex")
    used = members["good"]["label"] != "ambiguous"
    is_cell = (members["good"]["label"] == "cell")[used]
    inputs = np.stack([members[name]["logit"][used] for name in found.weights], axis=1)

    p_cell = 1 / (1 + np.exp(-inputs @ list(found.weights.values())))
    steps = np.linspace(0, 1, 41)
    shares = np.array([(a, b, 1 - a - b) for a in steps for b in steps if a + b <= 1])
    margins = np.where(is_cell, 1, -1)[:, None] * (inputs @ shares.T)
    assert log_loss(is_cell, p_cell) <= np.logaddexp(0, -margins).mean(axis=0).min() + 1e-7


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 5), st.integers(0, 10_000), st.floats(0.01, 30))
def test_simplex_weights_are_shares(count, seed, spread):
    random = np.random.default_rng(seed)
    is_cell = np.arange(60) % 4 == 0
    scores = {
        f"m{member}": table(is_cell * random.normal(0, 2) + random.normal(0, spread, 60), is_cell)
        for member in range(count)
    }
    found, joined = combine(scores, ones(scores), "simplex")
    weights = np.array(list(found.weights.values()))
    assert (weights >= 0).all()
    assert weights.sum() == pytest.approx(1, abs=1e-12)
    assert np.isfinite(joined["logit"]).all()


def test_stacking_gives_a_useless_member_about_no_weight():
    scores = planted({"useful": 1.0, "useless": 0.0}, count=4000)
    found, _ = combine(scores, ones(scores), "stacking")
    assert abs(found.weights["useless"]) < 0.05 * found.weights["useful"]


@pytest.mark.parametrize("method", ["simplex", "stacking"])
def test_a_member_that_errs_often_counts_less(members, method):
    weights = combine(members, ones(members), method)[0].weights
    assert weights["good"] > weights["fair"] > weights["poor"]


@pytest.mark.parametrize("method", METHODS)
def test_together_good_members_are_better_than_the_best(method):
    random = np.random.default_rng(0)
    is_cell = random.random(2000) < 0.4
    scores = {
        name: table(np.where(is_cell, 1.5, -1.5) + random.normal(0, 2, 2000), is_cell)
        for name in "abc"
    }
    _, joined = combine(scores, ones(scores), method)
    alone = [roc_auc_score(is_cell, scored["logit"]) for scored in scores.values()]
    assert roc_auc_score(is_cell, joined["logit"]) > max(alone) + 0.02


@pytest.mark.parametrize("method", ["mean", "simplex"])
def test_identical_members_make_the_member(members, method):
    temperature = calibrate(members["good"])["temperature"]
    scores = {"one": members["good"], "two": members["good"]}
    found, joined = combine(scores, dict.fromkeys(scores, temperature), method)
    np.testing.assert_allclose(joined["logit"], members["good"]["logit"] / temperature, atol=1e-9)
    alone, together = calibrate(members["good"]), calibrate(joined)
    assert together["temperature"] == pytest.approx(1, abs=1e-4)
    assert together["threshold"] == pytest.approx(alone["threshold"], abs=1e-4)
    logits = np.linspace(-5, 5, 11)
    np.testing.assert_allclose(
        cell_probability(found.logits({"one": logits, "two": logits}), together["temperature"]),
        cell_probability(logits, temperature),
        atol=1e-4,
    )


def test_the_mean_is_that_of_calibrated_logits(members):
    temperatures = {"good": 2.0, "fair": 0.5, "poor": 4.0}
    found, joined = combine(members, temperatures, "mean")
    assert found.weights == pytest.approx(dict.fromkeys(members, 1 / 3))
    expected = sum(members[name]["logit"] / temperatures[name] for name in members) / 3
    np.testing.assert_allclose(joined["logit"], expected)


@pytest.mark.parametrize("method", METHODS)
def test_the_order_of_members_and_rows_changes_no_bit(members, method):
    temperatures = {"good": 1.3, "fair": 0.7, "poor": 3.1}
    found, joined = combine(members, temperatures, method)
    for order in itertools.permutations(members):
        shuffled = {name: members[name].sample(frac=1, random_state=1) for name in order}
        other, scores = combine(shuffled, temperatures, method)
        assert other == found
        pd.testing.assert_frame_equal(scores, joined, check_exact=True)
        logits = {name: members[name]["logit"].to_numpy() for name in order}
        np.testing.assert_array_equal(other.logits(logits), found.logits(logits))


@pytest.mark.parametrize("folds", [2, 3])
@pytest.mark.parametrize("method", METHODS)
def test_labels_of_a_fold_have_no_part_in_its_scores(members, method, folds):
    scores = {name: t.assign(fold=t["candidate"] % folds) for name, t in members.items()}
    fitted, before = combine(scores, ones(scores), method)
    for fold in range(folds):
        flipped = {}
        for name, scored in scores.items():
            swap = scored["label"].map({"cell": "no_cell", "no_cell": "cell"}).fillna("ambiguous")
            label = scored["label"].where(scored["fold"] != fold, swap)
            flipped[name] = scored.assign(label=label)
        refitted, after = combine(flipped, ones(scores), method)
        own = before["fold"] == fold
        np.testing.assert_array_equal(after["logit"][own], before["logit"][own])
        if method != "mean":
            assert not np.allclose(after["logit"][~own], before["logit"][~own])
            assert refitted != fitted


def test_a_folds_scores_are_those_of_the_combination_of_the_others(members):
    scores = {name: t.assign(fold=t["candidate"] % 4) for name, t in members.items()}
    _, joined = combine(scores, ones(scores), "simplex")
    others = {name: t[t["fold"] != 2] for name, t in scores.items()}
    fitted, _ = combine(others, ones(scores), "simplex")
    logits = {name: t["logit"][t["fold"] == 2].to_numpy() for name, t in scores.items()}
    found = joined["logit"][joined["fold"] == 2]
    np.testing.assert_allclose(found, fitted.logits(logits), atol=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_ambiguous_candidates_are_scored_but_not_learnt_from(members, method):
    temperatures = ones(members)
    found, joined = combine(members, temperatures, method)
    assert len(joined) == 300
    strange = {
        name: t.assign(logit=t["logit"].where(t["label"] != "ambiguous", 50.0))
        for name, t in members.items()
    }
    assert combine(strange, temperatures, method)[0] == found


@pytest.mark.parametrize("method", METHODS)
def test_members_that_never_err_still_give_finite_weights(method):
    is_cell = np.arange(40) % 4 < 2
    scores = {name: table(np.where(is_cell, 9.0, -9.0), is_cell) for name in "ab"}
    found, joined = combine(scores, ones(scores), method)
    assert all(np.isfinite(list(found.weights.values())))
    result = calibrate(joined)
    assert result["f1"] == 1


def of_other_folds(scored):
    return scored.assign(fold=(scored["candidate"] + 1) % FOLDS)


def with_a_gap(scored):
    return scored.assign(logit=scored["logit"].mask(scored["candidate"] == 7))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.head(299), r"fair \(299 rows\) and good \(300 rows\) differ in their cand"),
        (lambda t: t.assign(brain="b"), "fair .* and good .* differ in their candidates"),
        (of_other_folds, "fair .* and good .* differ in their folds; train both in the same run"),
        (lambda t: t.assign(label="cell"), "fair .* and good .* differ in their labels"),
        (lambda t: pd.concat([t, t.tail(1)]), "member fair name candidate 299 of brain a twice"),
        (lambda t: t.drop(columns="fold"), "member fair lack the columns fold"),
        (with_a_gap, "member fair are not finite for 1 candidates: its training diverged"),
    ],
)
def test_scores_that_do_not_fit_each_other_are_refused(members, method, change, message):
    scores = {"good": members["good"], "fair": change(members["fair"])}
    with pytest.raises(InputError, match=message):
        combine(scores, ones(scores), method)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("label", ["cell", "no_cell", "ambiguous"])
def test_a_missing_class_is_refused(members, method, label):
    scores = {name: t.assign(label=label) for name, t in members.items()}
    with pytest.raises(InputError, match="needs both: annotate more cells"):
        combine(scores, ones(scores), method)


@pytest.mark.parametrize("method", METHODS)
def test_a_class_that_one_fold_alone_has_is_refused(members, method):
    scores = {
        name: t.assign(label=np.where(t["fold"] == 1, t["label"], "no_cell"))
        for name, t in members.items()
    }
    with pytest.raises(InputError, match="outside of fold-1 the train brains have 0 candidates"):
        combine(scores, ones(scores), method)


def test_stacking_does_without_a_fold_that_lacks_a_class(members):
    """The penalty is then chosen by the other folds."""
    scores = {
        name: t.assign(label=t["label"].mask(t["fold"] == 1, "no_cell"))
        for name, t in members.items()
    }
    found, joined = combine(scores, ones(scores), "stacking")
    assert found.weights["good"] > 0
    assert np.isfinite(joined["logit"]).all()


def test_one_member_one_fold_and_an_unknown_method_are_refused(members):
    with pytest.raises(InputError, match=r"members \['good'\]; give it at least two"):
        combine({"good": members["good"]}, {"good": 1.0})
    with pytest.raises(InputError, match="of 1 fold; an ensemble needs at least 2"):
        combine({name: t.assign(fold=0) for name, t in members.items()}, ones(members))
    alone = {name: t.assign(fold=0) for name, t in members.items()}
    with pytest.raises(InputError, match="of 1 fold; an ensemble needs at least 2"):
        combine(alone, ones(members), "simplex", draft=True)
    with pytest.raises(InputError, match="'vote' is not known; choose one of mean, simplex, stack"):
        combine(members, ones(members), "vote")


def test_the_mean_of_a_draft_has_the_scores_of_its_one_fold(members):
    """Equal weights have learnt nothing from it."""
    alone = {name: table.assign(fold=0) for name, table in members.items()}
    combination, joined = combine(alone, ones(members), "mean", draft=True)
    assert set(combination.weights.values()) == {1 / len(members)}
    logits = {name: table["logit"].to_numpy(float) for name, table in alone.items()}
    assert len(joined) == len(next(iter(alone.values())))
    assert np.isclose(np.sort(joined["logit"]), np.sort(np.mean([*logits.values()], axis=0))).all()
