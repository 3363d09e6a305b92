"""Operating points: chosen on train brains, measured on any."""

import numpy as np
import pandas as pd
import pytest

from cellsift.calibration.calibrate import choose_threshold
from cellsift.evaluation.classification import classification_metrics
from cellsift.evaluation.evaluated import FITTED, AnnotatedBrain, Arm, groups_of
from cellsift.evaluation.operating_points import operating_points


def brain(name: str, role: str, seed: int, count: int = 400) -> tuple[AnnotatedBrain, np.ndarray]:
    """A brain and the p_cell of its candidates."""
    random = np.random.default_rng(seed)
    is_cell = random.random(count) < 0.3
    positions = pd.DataFrame(random.random((count, 3)) * 600, columns=["z", "y", "x"])
    labels = pd.Series(np.where(is_cell, "cell", "no_cell"), dtype=object)
    p_cell = 1 / (1 + np.exp(1 - 3 * is_cell + random.normal(0, 1, count)))
    cells = positions[is_cell]
    return AnnotatedBrain(name, role, positions, labels, cells, None, (1, 1, 1), 5), p_cell


@pytest.fixture(scope="module")
def made() -> tuple[list, Arm]:
    parts = [brain("a", "train", 0), brain("b", "train", 1), brain("c", "test", 2)]
    scores = {found.name: p_cell for found, p_cell in parts}
    groups = groups_of([found for found, _ in parts])
    labels = np.concatenate([parts[n][0].labels for n in (0, 1)]) == "cell"
    threshold = choose_threshold(labels, np.concatenate([scores["a"], scores["b"]]))
    called = {name: p_cell >= threshold for name, p_cell in scores.items()}
    return groups, Arm("arm", threshold, scores, called)


def test_the_point_in_use_is_the_arms_own_and_stands_as_in_the_metrics(made):
    groups, arm = made
    table = operating_points([arm], groups, {"arm": "f1"}, resamples=50)
    used = table[table["in_use"]]
    assert set(used["point"]) == {"highest f1"}
    assert set(used["threshold"]) == {arm.threshold}
    for group in groups:
        expected = classification_metrics(
            group.labels,
            group.scores(arm),
            arm.threshold,
            group.brain_of_candidate,
            group.block_of_candidate,
            resamples=50,
        ).set_index("metric")
        rows = used[used["brain"] == group.name].set_index("metric")
        assert list(rows.index) == ["precision", "recall", "f1"]
        for column in ("value", "low", "high"):
            assert rows[column].tolist() == pytest.approx(expected.loc[rows.index, column].tolist())


def test_the_other_point_reaches_its_recall_on_train_brains_with_the_highest_threshold(made):
    groups, arm = made
    table = operating_points([arm], groups, {"arm": "f1"}, resamples=5)
    other = table[~table["in_use"]]
    assert set(other["point"]) == {"recall 0.99"}
    train = next(group for group in groups if group.name == "all train brains")
    is_cell, p_cell = train.labels == "cell", train.scores(arm)
    (threshold,) = set(other["threshold"])
    assert (p_cell[is_cell] >= threshold).mean() >= 0.99
    above = p_cell[is_cell & (p_cell > threshold)].min()
    assert (p_cell[is_cell] > above).mean() < 0.99
    recall = other[(other["brain"] == "all train brains") & (other["metric"] == "recall")]
    assert recall["value"].iloc[0] >= 0.99


def test_a_wished_recall_is_the_point_in_use_and_the_highest_f1_what_it_would_be(made):
    groups, arm = made
    wished = choose_threshold(*_train(groups, arm), {"recall": 0.9})
    table = operating_points(
        [Arm("arm", wished, arm.scores, arm.called)],
        groups,
        {"arm": {"recall": 0.9}},
        resamples=5,
    )
    points = table.drop_duplicates("point").set_index("point")
    assert points["in_use"].to_dict() == {"recall 0.9": True, "highest f1": False}
    assert points.loc["highest f1", "threshold"] == arm.threshold


def test_thresholds_do_not_look_at_test_brains(made):
    groups, arm = made
    other = brain("c", "test", 9)
    moved = groups_of([*groups[2].brains, other[0]])
    again = Arm("arm", arm.threshold, arm.scores | {"c": 1 - other[1]}, arm.called)
    one, two = (
        operating_points([of], where, {}, resamples=5).drop_duplicates("point")["threshold"]
        for of, where in ((arm, groups), (again, moved))
    )
    assert one.tolist() == two.tolist()


def test_without_train_brains_or_with_one_class_only_the_point_in_use_is_known(made):
    groups, arm = made
    test = [group for group in groups if group.role == "test"]
    assert set(operating_points([arm], test, {}, resamples=5)["point"]) == {"highest f1"}
    found, p_cell = brain("a", "train", 0)
    found.labels[:] = "no_cell"
    one_class = groups_of([found])
    table = operating_points([arm], one_class, {}, resamples=5)
    assert set(table["point"]) == {"highest f1"}
    assert operating_points([arm], [], {}, resamples=5).empty


def test_what_is_chosen_on_train_brains_for_a_finished_arm_is_said_to_be(made):
    groups, arm = made
    finished = Arm("arm", 0.5, arm.scores, arm.called, is_finished=True)
    table = operating_points([finished], groups, {}, resamples=5)
    train = table[table["role"] == "train"]
    assert set(train.loc[~train["in_use"], "scores"]) == {FITTED}
    assert FITTED not in set(train.loc[train["in_use"], "scores"])
    assert set(table.loc[table["role"] == "test", "scores"]) == {"locked"}


def _train(groups, arm) -> tuple[np.ndarray, np.ndarray]:
    train = next(group for group in groups if group.name == "all train brains")
    return train.labels == "cell", train.scores(arm)
