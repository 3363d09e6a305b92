"""The steps that count a brain's cells, and correct them by labels, from files to files."""

import json

import numpy as np
import pandas as pd
import pytest
import tifffile
from synthetic_results import (
    DISTANCE_UM,
    ROLES,
    SHAPE,
    SKILL,
    VOXEL_SIZE,
    count_brain,
    make_results,
    train_files,
)

from cellsift.calibration.brain_threshold import brain_threshold
from cellsift.io.cells import read_points
from cellsift.io.json_files import write_json
from cellsift.io.tables import read_table, write_table
from cellsift.results import Results
from cellsift.settings.brains import Brain
from cellsift.steps import correct as steps
from cellsift.steps.correct import correct

BOXES = ["block", "z0", "y0", "x0", "z1", "y1", "x1", "weight"]
ARM = next(iter(SKILL))


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return Results(make_results(tmp_path_factory.mktemp("run"), cells=120).folder)


def counted(results: Results, brain: str) -> tuple[pd.DataFrame, dict]:
    files = results.brain(brain)
    return read_table(files.counts).set_index("arm"), json.loads(files.count.read_text())


def change(path, **values) -> None:
    """Give keys of a JSON file other values."""
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def sample_of(results: Results, folder, number: int, none: bool = False) -> list:
    """A sample of mouse_d, of which the first candidates are cells; or none is, by its answers."""
    candidates = read_table(results.brain("mouse_d").candidates)
    rows = np.random.default_rng(0).choice(len(candidates), number, replace=False)
    cells = (rows < 108) & (not none)
    labels = pd.DataFrame(
        {"candidate": rows, "label": np.where(cells, "cell", "no_cell"), "weight": 5.0}
    )
    # One that nobody drew: it says nothing of the others.
    labels.loc[0, "weight"] = np.nan
    blocks = pd.DataFrame(columns=BOXES)
    inside = pd.DataFrame(columns=["block", "z", "y", "x", "kind"])
    files = [folder / f"{name}.csv" for name in ("sample", "blocks", "cells")]
    for table, path in zip((labels, blocks, inside), files, strict=True):
        write_table(table, path)
    return files


def with_second_candidates(folder):
    """A run in which each cell that has a candidate has two, of the same score."""
    made = make_results(folder, cells=120)
    for name in ROLES:
        files = Results(made.folder).brain(name)
        for path in (files.cells(ARM), files.labels):
            if path.is_file():
                table = read_table(path)
                second = table.head(108).assign(**{c: "ambiguous" for c in table if c == "label"})
                write_table(pd.concat([table, second], ignore_index=True), path)
    return made


def corrected(results: Results, sample: list, folder) -> tuple[pd.DataFrame, dict]:
    files, settings = results.brain("mouse_d"), {"matching": {"distance_um": DISTANCE_UM}}
    names = {"table": "corrected.csv", "xml": "corrected.xml", "document": "correction.json"}
    out = {key: folder / name for key, name in names.items()}
    correct(
        Brain("mouse_d", "signal", VOXEL_SIZE, role="predict", settings=settings),
        ARM,
        files.cells(ARM),
        results.model(ARM).description,
        train_files(results, ROLES, [ARM]),
        sample,
        1,
        out,
    )
    return read_table(out["table"]), json.loads(out["document"].read_text())


def test_a_new_brain_has_a_count_that_holds_the_truth_with_a_warning(results, capsys):
    count_brain(results, "mouse_d", ROLES, list(SKILL))
    said = capsys.readouterr().out
    table, document = counted(results, "mouse_d")
    assert (table["low"] <= 120).all()
    assert (table["high"] >= 120).all()
    assert "no sample of this brain was labelled" in said
    assert document["train_brains"] == ["mouse_a", "mouse_b"]
    assert not document["corrected"]


@pytest.mark.parametrize(("alarm", "labels"), [(True, 0), (True, 60), (False, 0), (None, 0)])
def test_a_count_under_alarm_is_told_as_unmeasured_unless_labels_stand_behind_it(
    results, tmp_path, capsys, alarm, labels
):
    path = results.brain("mouse_d").alarm
    path.write_text(json.dumps({"alarm": alarm}))
    count_brain(
        results, "mouse_d", ROLES, list(SKILL), sample_of(results, tmp_path, labels) * bool(labels)
    )
    path.unlink()
    said = capsys.readouterr().out
    assert ("mouse_d: unmeasured, " in said) == bool(alarm and not labels)
    assert ("so this is no result" in said) == bool(alarm and not labels)


def test_only_of_a_wholly_annotated_brain_nothing_is_told(tmp_path, capsys):
    results = Results(make_results(tmp_path, cells=40).folder)
    capsys.readouterr()
    count_brain(results, "mouse_c", ROLES, list(SKILL))
    assert capsys.readouterr().out == ""
    change(results.brain("mouse_c").labels_summary, complete=False)
    count_brain(results, "mouse_c", ROLES, list(SKILL))
    assert "brain mouse_c: " in capsys.readouterr().out


def test_a_train_brain_does_not_tell_of_itself(results):
    assert counted(results, "mouse_a")[1]["train_brains"] == ["mouse_b"]


def test_train_brains_whose_candidates_have_no_label_are_no_trouble(tmp_path):
    results = Results(make_results(tmp_path, cells=40).folder)
    for name in ("mouse_a", "mouse_b"):
        path = results.brain(name).labels
        write_table(read_table(path).assign(label="ambiguous", judged=False), path)
    count_brain(results, "mouse_d", ROLES, [ARM])
    row = counted(results, "mouse_d")[0].loc[ARM]
    assert row["low"] <= 40 <= row["high"]


def test_cells_that_have_two_candidates_are_not_counted_twice(tmp_path):
    """As where detection proposes large nuclei twice, which no network can tell."""
    results = Results(with_second_candidates(tmp_path).folder)
    count_brain(results, "mouse_d", ROLES, [ARM])
    row = counted(results, "mouse_d")[0].loc[ARM]
    assert row["naive"] > 190
    assert row["count"] == pytest.approx(120, rel=0.25)


def test_two_candidates_at_a_cell_are_one_cell_where_both_are_labelled_as_cells(tmp_path, capsys):
    """Who looks at one of them does not see that there is another."""
    results = Results(with_second_candidates(tmp_path).folder)
    files = sample_of(results, tmp_path, 0)
    number = len(read_table(results.brain("mouse_d").cells(ARM)))
    rows = np.random.default_rng(3).choice(number, 200, replace=False)
    cells = (rows < 108) | (rows >= number - 108)
    labels = {"candidate": rows, "label": np.where(cells, "cell", "no_cell"), "weight": 2.0}
    write_table(pd.DataFrame(labels), files[0])
    count_brain(results, "mouse_d", ROLES, [ARM], files)
    table, document = counted(results, "mouse_d")
    row = table.loc[ARM]
    assert row["among_low"] <= 108 <= row["among_high"]
    assert row["among_high"] < 140
    assert document["arms"][ARM]["sharing"] == pytest.approx(cells.sum(), abs=12)
    after, _ = corrected(results, files, tmp_path)
    # Of each by itself it is known that it lies at one.
    assert set(after["p_cell"].iloc[rows[cells]]) == {1.0}
    assert after["is_cell"].iloc[rows[cells]].all()


def test_labels_narrow_the_interval_and_are_told(results, tmp_path, capsys):
    before, _ = counted(results, "mouse_d")
    count_brain(results, "mouse_d", ROLES, list(SKILL), sample_of(results, tmp_path, 100))
    after, document = counted(results, "mouse_d")
    count_brain(results, "mouse_d", ROLES, list(SKILL))
    widths = [(table["among_high"] - table["among_low"])[ARM] for table in (before, after)]
    assert widths[1] < 0.8 * widths[0]
    assert after.at[ARM, "among_low"] <= 108 <= after.at[ARM, "among_high"]
    # One of the hundred was not drawn.
    assert after.at[ARM, "labels"] == 99
    assert document["corrected"]
    assert "99 labels of this brain" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["mouse_c", "mouse_d"])
def test_answers_on_a_brain_that_the_config_does_not_name_are_told_of(
    results, tmp_path, capsys, name
):
    """Also where the count itself is not, as all cells are annotated."""
    given, wanted = tmp_path / "sample.json", ["predict", name]
    given.write_text(json.dumps({"labels": 41, "blocks": 1, "random": 20}))
    capsys.readouterr()
    count_brain(results, name, ROLES, [ARM], answers=given, corrected_with=wanted)
    (said,) = capsys.readouterr().out.splitlines()
    _, document = counted(results, name)
    count_brain(results, name, ROLES, list(SKILL))
    assert "answers (41 labels and 1 block) were read but do not count here" in said
    assert f"write counts: {{corrected: [predict, {name}]}} in the config" in said
    assert said.startswith(f"brain {name}: ")
    assert "no sample of this brain was labelled" not in said
    assert not document["corrected"]


def test_a_brain_is_corrected_by_what_counts_and_not_by_files_that_lie_there(
    results, tmp_path, capsys
):
    """Such as labels of candidates that nobody drew."""
    given = tmp_path / "sample.json"
    for labels, said in (
        (0, "no sample of this brain"),
        (1, "none is of what was drawn at random"),
    ):
        given.write_text(json.dumps({"labels": labels, "blocks": 0}))
        sample = sample_of(results, tmp_path, 1)
        write_table(read_table(sample[0]).head(labels), sample[0])
        capsys.readouterr()
        count_brain(results, "mouse_d", ROLES, [ARM], sample, answers=given)
        assert said in capsys.readouterr().out
        assert not counted(results, "mouse_d")[1]["corrected"]
    count_brain(results, "mouse_d", ROLES, list(SKILL))


def test_labels_correct_p_cell_and_threshold_as_far_as_they_say(results, tmp_path):
    table, found = corrected(results, sample_of(results, tmp_path, 150, none=True), tmp_path)
    before = read_table(results.brain("mouse_d").cells(ARM))
    pd.testing.assert_frame_equal(table[["z", "y", "x"]], before[["z", "y", "x"]])
    # By these labels high scores mean no cell either: little of the old certainty is left.
    assert table["p_cell"].max() < 0.6 < 0.9 < before["p_cell"].max()
    assert found["labels"] == 149
    assert found["after"]["f1"] > found["before"]["f1"]
    # Both thresholds are of the p_cell of cells.csv: what lies between them changes sides.
    used, chosen = found["before"]["threshold"], found["after"]["threshold"]
    labelled = read_table(tmp_path / "sample.csv").dropna()["candidate"]
    others = np.setdiff1d(np.arange(len(table)), labelled)
    p_cell = before["p_cell"].to_numpy()[others]
    assert (before["is_cell"].to_numpy()[others] == (p_cell >= used)).all()
    assert (table["is_cell"].to_numpy()[others] == (p_cell >= chosen)).all()
    assert found["changed"] == {
        "to_cell": 0,
        "to_no_cell": ((p_cell >= used) & (p_cell < chosen)).sum(),
    }
    assert found["changed"]["to_no_cell"] > 0
    assert len(read_points(tmp_path / "corrected.xml", "cell")) == table["is_cell"].sum()


def test_right_labels_leave_a_good_arm_good(results, tmp_path):
    table, _ = corrected(results, sample_of(results, tmp_path, 100), tmp_path)
    truth = np.arange(len(table)) < 108
    assert (table["is_cell"] == truth).mean() > 0.9


def test_what_was_called_a_cell_until_now_is_known_on_the_scale_of_the_correction(
    tmp_path, monkeypatch
):
    """Which second candidates at cells change."""
    results = Results(with_second_candidates(tmp_path).folder)
    asked = {}

    def watched(posterior, logits, criterion, in_use, labels):
        asked.update(taken=int((logits >= in_use).sum()))
        return brain_threshold(posterior, logits, criterion, in_use, labels)

    monkeypatch.setattr(steps, "brain_threshold", watched)
    corrected(results, sample_of(results, tmp_path, 60), tmp_path)
    assert asked["taken"] == read_table(results.brain("mouse_d").cells(ARM))["is_cell"].sum()


def test_an_arm_that_called_no_cell_is_corrected_too(tmp_path):
    results = Results(make_results(tmp_path, cells=120).folder)
    path = results.brain("mouse_d").cells(ARM)
    write_table(read_table(path).assign(is_cell=False), path)
    table, found = corrected(results, sample_of(results, tmp_path, 100), tmp_path)
    assert found["before"]["precision"] is None
    assert table["is_cell"].sum() > 80


def test_what_people_have_labelled_is_as_they_said(results, tmp_path):
    files = sample_of(results, tmp_path, 100)
    table, _ = corrected(results, files, tmp_path)
    labels = read_table(files[0]).iloc[1:]
    said = (labels["label"] == "cell").to_numpy()
    assert (table["is_cell"].to_numpy()[labels["candidate"]] == said).all()


def test_brains_annotated_in_part_do_not_tell_how_many_cells_there_are(tmp_path):
    """What is labelled there, and how much of it is cells, people have chosen."""
    results = Results(make_results(tmp_path, cells=120).folder)
    change(results.brain("mouse_a").labels_summary, complete=False, where_complete=None)
    count_brain(results, "mouse_d", ROLES, [ARM])
    assert counted(results, "mouse_d")[1]["train_brains"] == ["mouse_b"]


def test_of_brains_annotated_in_some_planes_these_planes_tell(tmp_path):
    """As if there were nothing else of them."""
    results = Results(make_results(tmp_path, cells=120).folder)
    folds = read_table(results.folds)
    write_table(folds.assign(fold=folds["brain"].astype("category").cat.codes), results.folds)
    count_brain(results, "mouse_d", ROLES, [ARM])
    before, _ = counted(results, "mouse_d")
    # Elsewhere nobody marked cells, and what matched one is still called so.
    for name in ("mouse_a", "mouse_b"):
        files = results.brain(name)
        labels, cells = read_table(files.labels), read_table(files.cells(ARM))
        here = labels.assign(judged=True)
        elsewhere = labels.assign(judged=False, label="cell")
        write_table(pd.concat([here, elsewhere], ignore_index=True), files.labels)
        write_table(pd.concat([cells, cells], ignore_index=True), files.cells(ARM))
        change(files.labels_summary, complete=False, annotated=1000, reached=1000)
    count_brain(results, "mouse_d", ROLES, [ARM])
    after, document = counted(results, "mouse_d")
    pd.testing.assert_frame_equal(after, before)
    assert document["train_brains"] == ["mouse_a", "mouse_b"]


def test_it_is_told_what_blocks_would_buy_where_none_is_marked(results):
    wish = {"blocks": 3, "block_um": 80}
    count_brain(results, "mouse_d", ROLES, [ARM], wish=wish)
    _, document = counted(results, "mouse_d")
    found = document["arms"][ARM]
    assert {row["blocks"] for row in found["further"]} == {0, 3, 6}
    # By chance, or where cells are more often.
    called = read_table(results.brain("mouse_d").cells(ARM))["is_cell"].sum()
    assert 1 <= found["cells_per_block"] / (called / 40) < 2
    count_brain(results, "mouse_d", ROLES, [ARM], wish=wish | {"blocks": 0})
    assert counted(results, "mouse_d")[1]["arms"][ARM]["cells_per_block"] == 0


def test_where_folds_are_blocks_they_do_not_tell_how_brains_differ(tmp_path):
    results = Results(make_results(tmp_path, cells=120).folder)
    assert not counted(results, "mouse_d")[1]["spread_known"]
    folds = read_table(results.folds)
    write_table(folds.assign(fold=folds["brain"].astype("category").cat.codes), results.folds)
    count_brain(results, "mouse_d", ROLES, [ARM])
    assert counted(results, "mouse_d")[1]["spread_known"]


def test_an_empty_sample_changes_nothing(results, tmp_path):
    table, found = corrected(results, sample_of(results, tmp_path, 1), tmp_path)
    before = read_table(results.brain("mouse_d").cells(ARM))
    pd.testing.assert_frame_equal(table, before)
    assert found["labels"] == 0
    assert found["before"] == found["after"]


class TestRegions:
    def test_cells_are_counted_by_region_beside_the_whole_brain(self, results, tmp_path, capsys):
        """The truth of the made-up brain is 120 cells, evenly spread."""
        image = tmp_path / "regions.tif"
        numbers = np.zeros(SHAPE, np.uint16)
        numbers[..., : SHAPE[2] // 2] = 3
        numbers[..., SHAPE[2] // 2 :] = 8
        tifffile.imwrite(image, numbers, photometric="minisblack")
        names = tmp_path / "names.csv"
        names.write_text("id,name\n3,left half\n")
        regions = {"regions": str(image), "region_names": str(names)}
        count_brain(results, "mouse_d", ROLES, list(SKILL), of_brain=regions)
        table, document = counted(results, "mouse_d")
        own = table.loc[ARM].set_index("region")
        assert list(own.index) == ["all", "left half", "region 8"]
        parts = own.loc[["left half", "region 8"]]
        assert parts["naive"].sum() == own.at["all", "naive"]
        assert parts["candidates"].sum() == own.at["all", "candidates"]
        assert (parts["low"] < 60).all()
        assert (parts["high"] > 60).all()
        shown = document["arms"][ARM]["regions"]
        assert [row["region"] for row in shown] == ["left half", "region 8"]
        assert "outside of every region" not in capsys.readouterr().out

    def test_an_image_in_which_no_candidate_lies_in_a_region_is_told_of(
        self, results, tmp_path, capsys
    ):
        image = tmp_path / "regions.tif"
        tifffile.imwrite(image, np.zeros(SHAPE, np.uint16), photometric="minisblack")
        write_json({"warnings": ["its axes may be turned"]}, results.brain("mouse_d").regions)
        count_brain(results, "mouse_d", ROLES, [ARM], of_brain={"regions": str(image)})
        told = capsys.readouterr().out
        assert "outside of every region" in told
        before, beyond = counted(results, "mouse_d")[1]["doubts_of_regions"]
        assert before == "its axes may be turned"
        assert beyond in told

    def test_a_marked_block_has_a_row_with_what_people_marked(self, results, tmp_path):
        sample = sample_of(results, tmp_path, 1)
        box = dict(zip(BOXES, ("b1", 0, 0, 0, *SHAPE, 4.0), strict=True))
        write_table(pd.DataFrame([box]), sample[1])
        cells = pd.DataFrame({"block": "b1", "z": [5.0, 9.0], "y": [20.0, 30.0], "x": [20.0, 40.0]})
        doubtful = cells.head(1).assign(kind="unsure", x=80.0)
        write_table(pd.concat([cells.assign(kind="cell"), doubtful]), sample[2])
        count_brain(results, "mouse_d", ROLES, list(SKILL), sample)
        table, document = counted(results, "mouse_d")
        for arm in SKILL:
            own = table.loc[arm].set_index("region")
            row = own.loc["block b1"]
            assert row[["count", "low", "high"]].tolist() == [2, 2, 2]
            assert row["naive"] == own.at["all", "naive"] > 2
            assert len(document["arms"][arm]["marked_blocks"]) == 1


def without_train(results: Results, folder, sample: list) -> dict:
    """Correct mouse_d by a sample alone, as where no brain is learnt from; the document."""
    files, settings = results.brain("mouse_d"), {"matching": {"distance_um": DISTANCE_UM}}
    out = {name: folder / f"{name}.{end}" for name, end in ENDINGS.items()}
    brain = Brain("mouse_d", "signal", VOXEL_SIZE, role="predict", settings=settings)
    train = {"labels": {}, "summaries": {}, "cells": {}, "folds": None}
    model = results.model(ARM).description
    correct(brain, ARM, files.cells(ARM), model, train, sample, 1, out)
    return json.loads(out["document"].read_text())


ENDINGS = {"table": "csv", "xml": "xml", "document": "json"}


def test_labels_correct_a_brain_without_any_train_brain(results, tmp_path):
    found = without_train(results, tmp_path, sample_of(results, tmp_path, 100))
    assert found["labels"] == 99
    assert 0.5 < found["after"]["f1"] <= 1
