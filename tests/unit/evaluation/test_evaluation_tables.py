"""The assembled tables of an evaluation."""

import numpy as np
import pandas as pd
import pytest

from cellsift.errors import InputError
from cellsift.evaluation.summary import BRIGHTNESS, AnnotatedBrain, evaluate_project
from cellsift.io.tables import write_table
from cellsift.labels.matching import label_candidates


def annotated_brain(name: str, role: str, seed: int, **changes) -> AnnotatedBrain:
    """A brain whose detection reaches 57 of 60 cells, among 240 other candidates."""
    generator = np.random.default_rng(seed)
    cells = pd.DataFrame(generator.random((60, 3)) * [60, 300, 300], columns=["z", "y", "x"])
    others = generator.random((240, 3)) * [60, 300, 300]
    positions = pd.DataFrame(np.vstack([cells[:57], others]), columns=["z", "y", "x"])
    table, _ = label_candidates(positions, cells, None, (5, 2, 2), 10)
    positions["contrast"] = generator.gamma(2, 1, len(positions)) + (table["label"] == "cell")
    content = {
        "name": name,
        "role": role,
        "candidates": positions,
        "labels": table["label"],
        "annotation": cells,
        "non_cells": None,
        "voxel_size": (5, 2, 2),
        "distance_um": 10,
    }
    return AnnotatedBrain(**(content | changes))


def classified(brain: AnnotatedBrain, seed: int, threshold: float = 0.5) -> pd.DataFrame:
    noise = np.random.default_rng(seed).normal(0, 1, len(brain.labels))
    p_cell = 1 / (1 + np.exp(2 - 4 * (brain.labels == "cell") + noise))
    table = brain.candidates[["z", "y", "x"]].assign(p_cell=p_cell.round(6))
    return table.assign(is_cell=table["p_cell"] >= threshold)


@pytest.fixture(scope="module")
def brains() -> list[AnnotatedBrain]:
    roles = {"one": "train", "two": "train", "three": "test"}
    return [annotated_brain(name, role, seed) for seed, (name, role) in enumerate(roles.items())]


@pytest.fixture(scope="module")
def cells(brains) -> dict:
    return {
        arm: {brain.name: classified(brain, seed) for brain in brains}
        for seed, arm in enumerate(["narrow", "wide"])
    }


@pytest.fixture(scope="module")
def tables(brains, cells) -> dict[str, pd.DataFrame]:
    return evaluate_project(brains, cells, {"narrow": 0.5, "wide": 0.5}, resamples=100)


def test_every_arm_and_brain_has_every_metric_once(tables):
    names = {"one", "two", "all train brains", "three"}
    for name, count in {"classification": 9, "end_to_end": 3, "confusion": 1}.items():
        table = tables[name]
        assert set(table["brain"]) == names
        assert set(table["arm"]) == {"narrow", "wide", BRIGHTNESS}
        assert (table.groupby(["arm", "brain"]).size() == count).all()
    assert set(tables["detection"]["brain"]) == names
    for name in ("roc", "precision_recall"):
        assert len(tables[name].groupby(["arm", "brain"])) == 12
    assert set(tables["calibration_curve"]["arm"]) == {"narrow", "wide"}


def test_every_arm_has_its_operating_points_its_calibration_error_and_its_failures(tables):
    names = {"one", "two", "all train brains", "three"}
    points = tables["operating_points"]
    assert (points.groupby(["arm", "brain"]).size() == 2 * 3).all()
    assert set(points["arm"]) == {"narrow", "wide", BRIGHTNESS}
    error = tables["calibration_error"]
    assert set(error["arm"]) == {"narrow", "wide"}
    assert set(error["brain"]) == set(points["brain"]) == names
    failed = tables["failures"]
    assert set(failed["brain"]) == names
    recall = tables["end_to_end"].query("metric == 'recall'").set_index(["arm", "brain"])["value"]
    for (arm, brain, _), rows in failed.groupby(["arm", "brain", "by"]):
        found = (rows["recall"] * rows["cells"]).sum() / rows["cells"].sum()
        assert found == pytest.approx(recall[arm, brain])


def test_wished_recalls_are_the_points_in_use(brains, cells):
    found = evaluate_project(
        brains,
        cells,
        {"narrow": 0.5, "wide": 0.5},
        resamples=5,
        criteria={"wide": {"recall": 0.9}},
    )["operating_points"]
    used = found[found["in_use"]].drop_duplicates("arm").set_index("arm")["point"]
    assert used["wide"] == "recall 0.9"
    assert used["narrow"] == used[BRIGHTNESS] == "highest f1"


def test_arms_are_judged_on_the_one_test_brain_or_on_all_together(brains, cells, tables):
    verdict = tables["verdicts"].set_index(["arm_a", "arm_b", "metric"])
    assert set(verdict["brain"]) == {"three"}
    assert verdict.loc[("wide", BRIGHTNESS, "f1"), "verdict"] == "better"
    assert verdict.loc[("narrow", "wide", "f1"), "verdict"] == "not distinguishable"
    assert tables["left_out"].empty
    assert set(tables["paired_tests"]["unit"]) == {"candidate"}
    more = [*brains, *(annotated_brain(f"test {n}", "test", 20 + n) for n in range(6))]
    scored = {
        arm: {brain.name: classified(brain, seed) for brain in more}
        for seed, arm in enumerate(["narrow", "wide"])
    }
    many = evaluate_project(more, scored, {"narrow": 0.5, "wide": 0.5}, resamples=5)
    verdict = many["verdicts"].set_index(["arm_a", "arm_b", "metric"])
    assert set(verdict["brain"]) == {"all test brains"}
    assert set(verdict["basis"]) == {"test by brain"}
    assert verdict.loc[("wide", BRIGHTNESS, "f1"), "verdict"] == "better"
    assert many["left_out"]["left_out"].nunique() == 7
    by_brain = many["paired_tests"].query("unit == 'brain'")
    assert set(by_brain["brain"]) == {"all test brains"}
    of_brains = many["comparison"].query("arm_b == 'wide' and metric == 'f1'")
    single = of_brains[of_brains["brain"] != "all test brains"]["difference"]
    row = by_brain.query("arm_b == 'wide' and metric == 'f1'").iloc[0]
    assert row["difference"] == pytest.approx(single.mean())


def test_without_a_test_brain_or_a_second_arm_tables_of_pairs_are_empty_but_whole(
    brains, cells, tables
):
    thresholds = {"narrow": 0.5, "wide": 0.5}
    for found in (
        evaluate_project(brains[:2], cells, thresholds, resamples=5),
        evaluate_project(brains[2:], {"wide": cells["wide"]}, thresholds, resamples=5),
    ):
        for name in ("comparison", "paired_tests", "left_out", "verdicts"):
            assert found[name].empty
            assert list(found[name].columns) == list(tables[name].columns)


def test_rows_say_how_far_their_scores_can_be_trusted(tables):
    table = tables["classification"].drop_duplicates(["arm", "brain"])
    origins = table.set_index(["arm", "brain"])["scores"]
    assert origins["narrow", "one"] == origins["narrow", "all train brains"] == "out-of-fold"
    assert origins["narrow", "three"] == origins[BRIGHTNESS, "three"] == "locked"
    assert origins[BRIGHTNESS, "one"] == "threshold fitted here"


def test_tables_agree_with_each_other(tables):
    counts = tables["confusion"].set_index(["arm", "brain"])
    metric = tables["classification"].set_index(["arm", "brain", "metric"])["value"]
    for (arm, brain), row in counts.iterrows():
        cells = row["true_positive"] + row["false_negative"]
        assert metric[arm, brain, "recall"] == pytest.approx(row["true_positive"] / cells)
    pooled = counts.loc[("wide", "all train brains"), "true_positive"]
    assert pooled == sum(counts.loc[("wide", brain), "true_positive"] for brain in ("one", "two"))
    detected = tables["detection"].query("metric == 'recall'").set_index("brain")["value"]
    ended = tables["end_to_end"].query("metric == 'recall'")
    assert (ended["value"] <= ended["brain"].map(detected)).all()
    assert detected["three"] >= 57 / 60


def test_classification_is_better_than_its_baseline(tables):
    comparison = tables["comparison"]
    assert set(comparison["brain"]) == {"three"}
    baseline = comparison[(comparison["arm_a"] == "narrow") & (comparison["arm_b"] == BRIGHTNESS)]
    assert (baseline["low"] > 0).all()


def test_intervals_know_where_candidates_lie(brains, cells, tables):
    """Errors are drawn with their neighbours: where the same candidates lie changes intervals."""
    moved = [
        AnnotatedBrain(**vars(brain) | {"voxel_size": (500.0, 200.0, 200.0)}) for brain in brains
    ]
    apart = evaluate_project(moved, cells, {"narrow": 0.5, "wide": 0.5}, resamples=100)
    for name, value in {"classification": "value", "comparison": "difference"}.items():
        assert tables[name][value].equals(apart[name][value])
        assert not tables[name]["low"].equals(apart[name]["low"])


def test_nothing_is_fitted_on_test_brains(brains, cells, tables):
    """Another test brain moves no row of a train brain, and no threshold."""
    other = annotated_brain("three", "test", 77)
    moved = {arm: of | {"three": classified(other, 5)} for arm, of in cells.items()}
    again = evaluate_project(
        [*brains[:2], other], moved, {"narrow": 0.5, "wide": 0.5}, resamples=100
    )
    for name, table in tables.items():
        if "role" in table:
            kept, now = (some[some["role"] == "train"] for some in (table, again[name]))
            pd.testing.assert_frame_equal(kept.reset_index(drop=True), now.reset_index(drop=True))


def test_partial_annotation_is_marked_in_its_rows(brains, cells):
    partial = annotated_brain("three", "test", 2, non_cells=pd.DataFrame(columns=["z", "y", "x"]))
    found = evaluate_project(
        [*brains[:2], partial], cells, {"narrow": 0.5, "wide": 0.5}, resamples=20
    )
    ended = found["end_to_end"].query("brain == 'three' and metric == 'precision'")
    assert ended["value"].isna().all()
    assert ended["note"].str.contains("annotated").all()


def test_without_contrast_or_train_brains_there_is_no_floor(brains, cells):
    thresholds = {"narrow": 0.5, "wide": 0.5}
    alone = evaluate_project(brains[2:], cells, thresholds, resamples=20)
    assert BRIGHTNESS not in set(alone["classification"]["arm"])
    bare = annotated_brain("three", "test", 2)
    bare.candidates.drop(columns="contrast", inplace=True)
    without = evaluate_project([*brains[:2], bare], cells, thresholds, resamples=20)
    assert BRIGHTNESS not in set(without["classification"]["arm"])


def test_a_brain_without_candidates_or_cells_does_not_stop_the_others(brains, cells):
    nothing = pd.DataFrame(columns=["z", "y", "x", "contrast"], dtype=float)
    empty = annotated_brain(
        "empty", "test", 0, candidates=nothing, labels=pd.Series(dtype=object), annotation=nothing
    )
    table = nothing[["z", "y", "x"]].assign(p_cell=0.0, is_cell=pd.Series(dtype=bool))
    found = evaluate_project(
        [*brains, empty], {"narrow": cells["narrow"] | {"empty": table}}, {"narrow": 0.5}
    )
    rows = found["classification"].query("brain == 'empty'")
    assert rows["value"].isna().all()
    pooled = found["classification"].query("brain == 'all test brains' and arm == 'narrow'")
    assert pooled["value"].notna().all()


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda table: table.drop(columns="p_cell"), "lack the columns p_cell"),
        (lambda table: table.head(-1), "not the brain's candidates"),
        (lambda table: table.iloc[::-1], "not the brain's candidates"),
        (lambda table: table.assign(is_cell=~table["is_cell"]), "another threshold"),
        (lambda table: table.assign(is_cell="True"), "True or False"),
    ],
)
def test_tables_that_do_not_fit_are_refused_by_name(brains, cells, spoil, complaint):
    spoilt = cells["wide"] | {"two": spoil(cells["wide"]["two"])}
    with pytest.raises(InputError, match=complaint) as refusal:
        evaluate_project(brains, {"wide": spoilt}, {"wide": 0.5})
    assert "arm wide, brain two" in str(refusal.value)


def test_missing_parts_are_refused_by_name(brains, cells):
    with pytest.raises(InputError, match="arm wide has no threshold"):
        evaluate_project(brains, cells, {"narrow": 0.5})
    without = {name: table for name, table in cells["wide"].items() if name != "two"}
    with pytest.raises(InputError, match="arm wide has not classified brain two"):
        evaluate_project(brains, {"wide": without}, {"wide": 0.5})
    strange = annotated_brain("one", "predict", 0)
    with pytest.raises(InputError, match="role 'predict'"):
        evaluate_project([strange], {"wide": cells["wide"]}, {"wide": 0.5})


def test_tables_can_be_written_and_read_back(tables, tmp_path):
    for name, table in tables.items():
        write_table(table, tmp_path / f"{name}.csv")
        back = pd.read_csv(tmp_path / f"{name}.csv", keep_default_na=False, na_values=[""])
        assert list(back.columns) == list(table.columns)
        assert len(back) == len(table)
