"""What annotators do not agree on, or nobody has looked at, is neither learnt from nor judged."""

import json

import numpy as np
import pandas as pd
import pytest
from label_studio_exports import annotation, choice, key_point, task, write_export, write_planes

from cellsift.io.tables import read_table, write_table
from cellsift.preflight.annotation import check_annotation
from cellsift.results import Results
from cellsift.settings.brains import Brain
from cellsift.steps.evaluate import evaluate
from cellsift.steps.folds import folds
from cellsift.steps.label import label

SHAPE = (6, 40, 80)
SETTINGS = {
    "matching": {"distance_um": 4},
    "cuboid": {"shape": [2, 4, 4], "voxel_size": [5, 1, 1]},
}
# Cells of both annotators, of one, of nobody; and what lies beside the second.
AGREED, DISPUTED, NOTHING, BESIDE = (1, 5, 5), (1, 30, 60), (1, 20, 30), (1, 31, 61)


@pytest.fixture
def made(tmp_path):
    """A function that labels these candidates of a brain, and calls all of them cells."""
    signal = str(write_planes(tmp_path / "signal", SHAPE))
    results = Results(tmp_path / "results")
    files = results.brain("b")

    def make(cells, candidates, non_cells=None):
        brain = Brain("b", signal, (5, 2, 2), "test", None, cells, non_cells, SETTINGS)
        table = pd.DataFrame(candidates, columns=list("zyx")).astype(float)
        write_table(table.assign(contrast=1.0), files.candidates)
        found = check_annotation(brain, SHAPE) | {"signal": {"shape": list(SHAPE)}}
        files.preflight.write_text(json.dumps(found))
        label(
            brain,
            files.candidates,
            files.preflight,
            files.labels,
            files.labels_summary,
            lambda said: None,
            positions=files.annotation,
            quality=files.annotation_quality,
        )
        return brain, read_table(files.labels), json.loads(files.labels_summary.read_text())

    make.files = files
    return make


def evaluated(brain, files, tmp_path, table="end_to_end") -> pd.DataFrame:
    """A table of the evaluation of an arm that calls every candidate a cell."""
    labels = read_table(files.labels)
    called = labels[["z", "y", "x"]].assign(p_cell=0.9, is_cell=True)
    write_table(called, tmp_path / "cells.csv")
    (tmp_path / "model.json").write_text('{"threshold": 0.5}')
    out = tmp_path / f"{table}.csv"
    evaluate(
        [brain],
        [files.labels],
        {"arm": tmp_path / "model.json"},
        {("b", "arm"): tmp_path / "cells.csv"},
        1,
        [out],
    )
    return read_table(out)


def two_files(folder) -> str:
    for name, cells in (("anna", [AGREED, DISPUTED]), ("ben", [AGREED])):
        pd.DataFrame(cells, columns=list("zyx")).to_csv(folder / f"b..{name}.csv", index=False)
    return str(folder / "b..*.csv")


def test_candidates_near_what_only_some_have_marked_are_left_out(made, tmp_path):
    brain, labels, summary = made(two_files(tmp_path), [AGREED, DISPUTED, NOTHING, BESIDE])
    assert labels["label"].tolist() == ["cell", "ambiguous", "no_cell", "ambiguous"]
    assert labels["judged"].tolist() == [True, False, True, False]
    assert (summary["annotated"], summary["in_doubt"]) == (1, 1)
    assert summary["complete"]
    assert (summary["marked"], summary["agreed_on"]) == ({"anna": 2, "ben": 1}, 1)
    assert summary["agreement"]["f1"] == pytest.approx(2 / 3, abs=1e-4)
    assert any("anna and ben agree with an F1 of 0.67" in said for said in summary["told"])
    found = json.loads(made.files.preflight.read_text())
    assert (found["annotated_cells"], found["annotators"]) == (1, ["anna", "ben"])


def test_what_is_called_a_cell_where_annotators_disagree_is_no_false_alarm(made, tmp_path):
    brain, *_ = made(two_files(tmp_path), [AGREED, DISPUTED, NOTHING, BESIDE])
    found = evaluated(brain, made.files, tmp_path).query("arm == 'arm'").set_index("metric")
    assert found.loc["precision", "value"] == 1 / 2
    assert found.loc["recall", "value"] == 1


def test_the_agreement_stands_beside_the_tables_of_arms(made, tmp_path):
    brain, _, summary = made(two_files(tmp_path), [AGREED])
    (row,) = evaluated(brain, made.files, tmp_path, "agreement").to_dict("records")
    assert (row["brain"], row["role"], row["metric"]) == ("b", "test", "f1")
    for name, value in (("value", "f1"), ("low", "low"), ("high", "high")):
        assert row[name] == pytest.approx(summary["agreement"][value], abs=1e-6)
    one = tmp_path / "b..anna.csv"
    brain, *_ = made(str(one), [AGREED])
    assert evaluated(brain, made.files, tmp_path, "agreement").empty


def test_planes_that_nobody_has_looked_at_teach_nothing(made, tmp_path):
    # The second plane is annotated, the fourth in part.
    cell = key_point(AGREED[1], AGREED[2])
    other = key_point(NOTHING[1], NOTHING[2], "no_cell")
    path = write_export(
        tmp_path / "e.json",
        task(1, annotation(cell)),
        task(3, annotation(cell, other, choice("sparse"))),
    )
    places = [AGREED, DISPUTED]
    candidates = [(z, y, x) for z in (1, 3, 5) for _, y, x in places] + [(3, *NOTHING[1:])]
    brain, labels, summary = made(path, candidates)
    assert labels["label"].tolist() == [
        *("cell", "no_cell"),
        *("cell", "ambiguous"),
        *("ambiguous", "ambiguous"),
        "no_cell",
    ]
    assert labels["judged"].tolist() == [True, True, False, False, False, False, False]
    assert summary["candidates_per_cell"] is None
    assert not summary["complete"]
    # Its other cell is of a plane annotated in part.
    assert summary["where_complete"] == {"annotated": 1, "reached": 1}
    quality = read_table(made.files.annotation_quality)
    assert quality["status"].tolist() == [
        "missing",
        "fully annotated",
        "missing",
        "sparse",
        "missing",
    ]
    found = evaluated(brain, made.files, tmp_path).query("arm == 'arm'").set_index("metric")
    # Where only some cells are annotated hits do not count, as false alarms there cannot.
    assert found.loc["precision", "value"] == 1 / 2
    assert found.loc["recall", "value"] == 1


def test_an_annotation_of_every_plane_is_complete_with_what_it_misses(made, tmp_path):
    tasks = [task(z, annotation(*[key_point(5, 5)] * (z == 1))) for z in range(SHAPE[0])]
    path = write_export(tmp_path / "e.json", *tasks)
    *_, summary = made(path, [NOTHING])
    assert summary["complete"]
    assert summary["where_complete"] == {"annotated": 1, "reached": 0}


def test_a_cell_of_a_plane_beside_is_found_by_a_candidate_of_it(made, tmp_path):
    # Matching reaches into planes that nobody has looked at, and from them.
    here = task(2, annotation(key_point(5, 5), key_point(30, 60)))
    path = write_export(tmp_path / "e.json", here, task(3, annotation(choice("sparse"))))
    brain, labels, _ = made(path, [(2.6, 5, 5), (2.4, 30, 60)])
    assert labels["label"].tolist() == ["cell", "cell"]
    found = evaluated(brain, made.files, tmp_path).query("arm == 'arm'").set_index("metric")
    assert found.loc["f1", "value"] == 1


def test_an_annotation_in_part_has_no_precision(made, tmp_path):
    cell, other = key_point(5, 5), key_point(30, 60, "no_cell")
    path = write_export(tmp_path / "e.json", task(1, annotation(cell, other)))
    brain, labels, summary = made(path, [AGREED, DISPUTED, NOTHING], path)
    assert labels["label"].tolist() == ["cell", "no_cell", "ambiguous"]
    assert (summary["complete"], summary["where_complete"]) == (False, None)
    found = evaluated(brain, made.files, tmp_path).query("arm == 'arm'").set_index("metric")
    assert np.isnan(found.loc["precision", "value"])
    assert found.loc["recall", "value"] == 1


def test_folds_are_made_of_what_is_left(made, tmp_path):
    rng = np.random.default_rng(1)
    grid = [(z, y, x) for z in range(6) for y in range(4, 40, 10) for x in range(4, 80, 10)]
    cells = [place for place in grid if rng.random() < 0.5]
    for name, some in (("anna", cells), ("ben", cells[4:])):
        pd.DataFrame(some, columns=list("zyx")).to_csv(tmp_path / f"g..{name}.csv", index=False)
    brain, labels, summary = made(str(tmp_path / "g..*.csv"), grid)
    assert (labels["label"] == "cell").sum() == len(cells) - 4
    assert (labels["label"] == "ambiguous").sum() == 4
    out, files = tmp_path / "folds.csv", made.files
    folds([brain], [files.labels], [files.labels_summary], 2, "block", out)
    assert (read_table(out)["label"] == "ambiguous").sum() == 4


def test_one_export_may_be_of_several_brains(tmp_path):
    first = write_planes(tmp_path / "one", name="mouse1_{:02d}.tif")
    second = write_planes(tmp_path / "two", name="mouse2_{:02d}.tif")
    path = write_export(
        tmp_path / "e.json",
        task(1, annotation(key_point(1, 1)), image="/data/upload/1/0a1b2c3d-mouse1_01.png"),
        task(2, annotation(key_point(2, 2)), image="/data/upload/1/0a1b2c3d-mouse2_02.png"),
    )
    for signal, z in ((first, 1), (second, 2)):
        found = check_annotation(Brain("b", str(signal), (5, 2, 2), cells=path), SHAPE)
        assert found["annotated_cells"] == 1
        (doubt,) = found["warnings"]
        assert f"mouse{3 - z}" in doubt
