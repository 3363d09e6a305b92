"""The result of a whole brain against its annotation."""

import math

import numpy as np
import pandas as pd
import pytest

from cellsift.errors import InputError
from cellsift.evaluation.end_to_end import detection_metrics, end_to_end_metrics, outcome_metrics
from cellsift.evaluation.outcomes import end_to_end_outcomes

VOXEL = (5.0, 2.0, 2.0)


def points(rows) -> pd.DataFrame:
    return pd.DataFrame(np.reshape(rows, (-1, 3)).astype(float), columns=["z", "y", "x"])


def metrics(table: pd.DataFrame) -> dict:
    return dict(zip(table["metric"], table["value"], strict=True))


@pytest.fixture
def annotation() -> pd.DataFrame:
    return points([[5, 10, 10], [5, 50, 50], [20, 10, 10], [20, 90, 90]])


@pytest.fixture
def cells() -> pd.DataFrame:
    """Two cells found, one of them twice; one rejected; one never proposed; one artefact."""
    positions = [[5, 11, 10], [5, 10, 11], [5, 50, 51], [20, 10, 10], [12, 70, 20], [12, 20, 70]]
    return points(positions).assign(is_cell=[True, True, True, False, True, False])


def test_missed_cells_and_second_hits_count_as_errors(cells, annotation):
    table = end_to_end_metrics(cells, annotation, VOXEL, 6)
    assert metrics(table) == {"precision": 2 / 4, "recall": 2 / 4, "f1": 4 / 8}
    assert (table["note"] == "").all()
    assert ((table["low"] <= table["value"]) & (table["value"] <= table["high"])).all()


def test_outcomes_are_in_micrometres_and_count_everything_once(cells, annotation):
    outcomes = end_to_end_outcomes(cells, annotation, VOXEL, 6)
    assert outcomes["outcome"].value_counts().to_dict() == {"hit": 2, "false_alarm": 2, "missed": 2}
    missed = outcomes[outcomes["outcome"] == "missed"]
    assert missed[["z", "y", "x"]].to_numpy().tolist() == [[100, 20, 20], [100, 180, 180]]


def test_an_ambiguous_second_candidate_may_stand_for_its_cell(annotation):
    cells = points([[5, 11, 10], [5, 10, 12]]).assign(is_cell=[False, True])
    assert metrics(end_to_end_metrics(cells, annotation, VOXEL, 6))["precision"] == 1


def test_partial_annotation_leaves_precision_unknown_and_says_why(cells, annotation):
    table = end_to_end_metrics(cells, annotation, VOXEL, 6, non_cells=points([])).set_index(
        "metric"
    )
    assert table.loc["recall", "value"] == 0.5
    for metric in ("precision", "f1"):
        assert table.loc[metric, ["value", "low", "high"]].isna().all()
        assert "annotated" in table.loc[metric, "note"]


def test_nothing_called_is_not_a_crash(cells, annotation):
    table = end_to_end_metrics(cells.assign(is_cell=False), annotation, VOXEL, 6)
    table = table.set_index("metric")
    assert math.isnan(table.loc["precision", "value"])
    assert table.loc["precision", "note"] == "no candidate is called a cell"
    assert table.loc["recall", "value"] == table.loc["f1", "value"] == 0
    assert table.loc["recall", "high"] > 0.3, "four missed cells do not prove a recall of 0"


def test_nothing_annotated_or_nothing_at_all_is_not_a_crash(cells, annotation):
    found = metrics(end_to_end_metrics(cells, points([]), VOXEL, 6))
    assert found["precision"] == 0
    assert math.isnan(found["recall"])
    empty = end_to_end_metrics(cells.head(0), points([]), VOXEL, 6)
    assert empty[["value", "low", "high"]].isna().all(axis=None)


def test_perfection_is_not_certainty():
    annotation = points(np.arange(30).repeat(3) * 20)
    table = end_to_end_metrics(annotation.assign(is_cell=True), annotation, VOXEL, 6)
    assert (table["value"] == 1).all()
    assert (table["high"] == 1).all()
    assert table["low"].between(0.85, 0.96).all()


def test_detection_bounds_what_can_come_out(cells, annotation):
    detected = detection_metrics(cells, annotation, VOXEL, 6).set_index("metric")
    assert detected.loc["recall", "value"] == 3 / 4
    assert detected.loc["candidates", "value"] == 6
    assert detected.loc["annotated", "value"] == 4
    assert detected.loc["candidates_per_cell", "value"] == 1.5
    assert detected.loc["recall", "low"] < 0.75 < detected.loc["recall", "high"]
    assert detected.loc["candidates", ["low", "high"]].isna().all()
    assert metrics(end_to_end_metrics(cells, annotation, VOXEL, 6))["recall"] <= 0.75


def random_outcomes(generator, regional: bool) -> pd.DataFrame:
    """300 annotated cells of which 80% are found, and 40 false alarms, in 700 µm cubed."""
    places = generator.random((300, 3)) * 700
    region = (places // 175).astype(int) @ [16, 4, 1]
    chance = generator.beta(2.0, 0.5, 64)[region] if regional else 0.8
    outcome = np.where(generator.random(300) < chance, "hit", "missed")
    table = pd.DataFrame(np.vstack([places, generator.random((40, 3)) * 700]), columns=list("zyx"))
    return table.assign(outcome=[*outcome, *["false_alarm"] * 40])


def test_recall_interval_covers_the_truth():
    generator = np.random.default_rng(0)
    covered = 0
    for seed in range(200):
        outcomes = {"": random_outcomes(generator, regional=False)}
        table = outcome_metrics(outcomes, seed=seed, resamples=200).set_index("metric")
        covered += table.loc["recall", "low"] <= 0.8 <= table.loc["recall", "high"]
    assert 0.89 <= covered / 200 <= 0.99


def test_cells_missed_together_widen_the_interval():
    generator = np.random.default_rng(1)

    def width(regional):
        tables = [
            outcome_metrics({"": random_outcomes(generator, regional)}).set_index("metric")
            for _ in range(5)
        ]
        return np.mean(
            [table.loc["recall", "high"] - table.loc["recall", "low"] for table in tables]
        )

    assert width(regional=True) > width(regional=False)


def test_brains_that_differ_widen_the_pooled_interval():
    generator = np.random.default_rng(2)
    alike = {name: random_outcomes(generator, False) for name in "abcd"}
    unlike = dict(alike)
    for name in "ab":
        worse = generator.random(340) < 0.4
        hits = unlike[name]["outcome"] == "hit"
        unlike[name] = unlike[name].assign(
            outcome=unlike[name]["outcome"].where(~(hits & worse), "missed")
        )
    widths = [
        (table.loc["f1", "high"] - table.loc["f1", "low"])
        for table in (outcome_metrics(some).set_index("metric") for some in (alike, unlike))
    ]
    assert widths[1] > 2 * widths[0]


def test_same_seed_same_interval(cells, annotation):
    tables = [end_to_end_metrics(cells, annotation, VOXEL, 6, seed=3) for _ in range(2)]
    pd.testing.assert_frame_equal(*tables)


@pytest.mark.parametrize("verdict", ["True", 1, 0.7])
def test_verdicts_other_than_true_or_false_are_refused(cells, annotation, verdict):
    with pytest.raises(InputError, match="is_cell"):
        end_to_end_metrics(cells.assign(is_cell=verdict), annotation, VOXEL, 6)


def test_missing_columns_are_named(cells, annotation):
    with pytest.raises(InputError, match="is_cell"):
        end_to_end_metrics(cells[["z", "y", "x"]], annotation, VOXEL, 6)
    with pytest.raises(InputError, match="lacks the columns y"):
        end_to_end_metrics(cells, annotation.drop(columns="y"), VOXEL, 6)
