"""Answers come back from a spreadsheet, napari and Label Studio, each with its weight or none."""

import json
import shutil
import warnings

import numpy as np
import pandas as pd
import pytest
from handed_out import BRAIN, COUNT, HandedOut, drawn_file, make_handed_out

from cellsift.annotation.sample import OF_SAMPLE
from cellsift.errors import InputError
from cellsift.io.axes import AXES
from cellsift.io.cells import write_cells_xml


@pytest.fixture(scope="module")
def once_made(tmp_path_factory) -> HandedOut:
    return make_handed_out(tmp_path_factory.mktemp("handed_out"))


@pytest.fixture
def made(once_made, tmp_path) -> HandedOut:
    shutil.copytree(once_made.folder, tmp_path, dirs_exist_ok=True)
    return HandedOut(tmp_path, once_made.positions, once_made.p_cell, once_made.truth)


def assert_whole(made: HandedOut, author: str) -> None:
    """All of the round is read, as it is in truth, each with the draw that it had."""
    sample = made.read().candidates
    table = made.table.sort_values("candidate", ignore_index=True)
    assert list(sample) == OF_SAMPLE
    assert list(sample["candidate"]) == list(table["candidate"])
    assert list(sample["label"]) == made.said(sample["candidate"].to_numpy())
    assert np.allclose(sample["probability"], table["probability"], equal_nan=True)
    assert list(sample["why"]) == list(table["why"])
    assert (sample["round"] == 1).all()
    assert np.allclose(sample["weight"], 1 / table["probability"], equal_nan=True)
    assert (sample[AXES].to_numpy() == made.positions[sample["candidate"]]).all()
    assert set(sample["author"]) == {author}
    assert sample["date"].str.fullmatch(r"20\d\d-\d\d-\d\d").all()


def test_before_anybody_answers_the_sample_is_empty(made, tmp_path):
    for folder in (made.answers, tmp_path / "nowhere"):
        made.folder = folder.parent
        sample = made.read()
        assert (len(sample.candidates), len(sample.blocks)) == (0, 0)
        assert sample.summary["told"] == []


def test_a_spreadsheet_comes_back_whole(made):
    made.fill_in(author="anna")
    assert_whole(made, "anna")


def test_a_spreadsheet_of_a_country_with_decimal_commas_comes_back_too(made):
    path = made.fill_in("filled..anna.csv")
    table = pd.read_csv(path).sample(frac=1, random_state=1)
    table.to_csv(path, index=False, sep=";", decimal=",", encoding="utf-16")
    assert_whole(made, "anna")


def curated(made: HandedOut, number: int | None = None, name: str = "looked_at..ben.xml") -> None:
    """Open the XML in napari's reader, copy as many of its points as somebody has looked at into
    the two layers of cellfinder's curation, by the truth, and save these."""
    with warnings.catch_warnings():
        # napari's own, of pydantic.
        warnings.simplefilter("ignore")
        from brainglobe_napari_io.cellfinder.reader_points import cellfinder_read_points
        from brainglobe_napari_io.cellfinder.writer_points import write_multiple_points
        from brainglobe_utils.cells.cells import Cell
    path = str(made.files.candidates_xml)
    layers = cellfinder_read_points(path)(path)
    table = made.table
    names = {
        tuple(np.rint(row[AXES].to_numpy(float)).astype(int)): row["candidate"]
        for _, row in table.iterrows()
    }
    points = np.concatenate([np.asarray(data).reshape(-1, 3) for data, _, _ in layers])
    assert len(points) == len(table)
    points = points[:number]
    is_cell = np.array([made.truth[names[tuple(point.astype(int))]] for point in points])
    marked = [
        (points[chosen], {"name": kind, "metadata": {"point_type": point_type}}, "points")
        for kind, point_type, chosen in (
            ("Training data (cells)", Cell.CELL, is_cell),
            ("Training data (non cells)", Cell.UNKNOWN, ~is_cell),
        )
    ]
    write_multiple_points(str(made.answers / name), marked)


def test_a_curation_in_napari_comes_back_with_the_weights_that_it_cannot_hold(made):
    """Also candidates in the first plane, which BrainGlobe puts into the second."""
    assert (made.table[AXES].min(axis=1) < 0.5).any()
    curated(made)
    assert_whole(made, "ben")


def test_what_nobody_has_looked_at_in_napari_is_no_answer(made):
    curated(made, 12)
    sample = made.read()
    assert len(sample.candidates) == 12
    assert list(sample.candidates["label"]) == made.said(sample.candidates["candidate"].to_numpy())


@pytest.mark.parametrize("kind", ["all candidates as napari saves them", "the lab's own"])
def test_an_xml_that_does_not_say_that_somebody_looked_at_it_is_not_read_and_told_of(made, kind):
    if kind == "the lab's own":
        cells = made.candidates.assign(is_cell=made.p_cell > 0.5)
        write_cells_xml(cells, made.answers / "cells.xml")
    else:
        curated(made, name="candidates..ben.xml")
    sample = made.read()
    assert not len(sample.candidates)
    (told,) = sample.summary["told"]
    assert "is not read, as an XML does not tell which of its points" in told
    assert "name it looked_at..YOU.xml" in told


def test_the_list_that_was_handed_out_is_no_answer(made):
    """Else the arms would grade themselves."""
    for path in made.files.path.iterdir():
        copy = shutil.copytree if path.is_dir() else shutil.copy
        copy(path, made.answers / path.name)
    sample = made.read()
    assert not len(sample.candidates)
    assert not len(sample.blocks)
    told = "\n".join(sample.summary["told"])
    assert "candidates.xml: is the list as it was handed out" in told
    assert "label_studio.json: holds tasks without an answer" in told
    assert "block-1_cells.csv: has no cell" in told


def exported(made: HandedOut, answers: dict[int, list[tuple[str, object]]] | None = None) -> list:
    """The tasks with annotations, as Label Studio exports them."""
    tasks = json.loads(made.files.label_studio.read_text())
    for number, task in enumerate(tasks):
        (truth,) = made.said(np.array([task["data"]["candidate"]]))
        given = (answers or {}).get(number, [(truth, {"id": 7, "email": "cy@lab.org"})])
        task["id"] = number + 100
        task["annotations"] = [
            {
                "completed_by": by,
                "was_cancelled": False,
                "created_at": "2026-11-02T10:00:00.000000Z",
                "updated_at": "2026-11-03T10:00:00.000000Z",
                "result": [
                    {
                        "from_name": "label",
                        "to_name": "image",
                        "type": "choices",
                        "value": {"choices": [label]},
                    }
                ],
            }
            for label, by in given
        ]
    return tasks


def test_an_export_of_label_studio_comes_back_whole(made):
    (made.answers / "project-1.json").write_text(json.dumps(exported(made)))
    assert_whole(made, "cy@lab.org")
    assert set(made.read().candidates["date"]) == {"2026-11-03"}


def test_its_shorter_exports_come_back_too(made):
    rows = []
    for task in exported(made):
        (answer,) = task["annotations"]
        more = {"annotator": 7, "updated_at": answer["updated_at"]}
        rows.append(task["data"] | more | {"label": answer["result"][0]["value"]["choices"][0]})
    (made.answers / "min.json").write_text(json.dumps(rows))
    assert_whole(made, "7")
    (made.answers / "min.json").unlink()
    pd.DataFrame(rows).to_csv(made.answers / "export.csv", index=False)
    assert_whole(made, "7")


def test_skipped_tasks_and_unsure_answers_are_not_labels(made):
    tasks = exported(made, {0: [("unsure", 3)], 1: []})
    tasks[2]["annotations"][0]["was_cancelled"] = True
    (made.answers / "e.json").write_text(json.dumps(tasks))
    sample = made.read()
    assert len(sample.candidates) == len(tasks) - 3
    assert sample.summary["unsure"] == 1
    # The others of the draw stand for these three.
    left = sample.candidates[sample.candidates["why"] == "random"]
    assert np.allclose(left["weight"] * left["probability"], 15 / 12)


def test_who_contradict_each_other_are_named_and_left_out_and_the_rest_counts_once(made):
    made.fill_in("filled..anna.csv")
    path = made.fill_in("filled..ben.csv", rows=slice(4))
    table = pd.read_csv(path, dtype={"label": str})
    table.loc[0, "label"] = {"cell": "no_cell", "no_cell": "cell"}[table["label"][0]]
    table.to_csv(path, index=False)
    sample = made.read()
    candidate = int(table["candidate"][0])
    assert candidate not in set(sample.candidates["candidate"])
    assert len(sample.candidates) == len(table) - 1
    (one,) = sample.summary["contradicting"]
    assert one["candidate"] == candidate
    assert {answer["author"] for answer in one["answers"]} == {"anna", "ben"}
    (told,) = sample.summary["told"]
    assert told.startswith(f"brain mouse: candidate {candidate}: ")
    assert "by anna" in told
    assert "by ben" in told
    both = sample.candidates.set_index("candidate").loc[table["candidate"][1:4]]
    assert set(both["author"]) == {"anna; ben"}


def test_a_label_of_what_was_not_suggested_has_no_weight(made):
    others = np.setdiff1d(np.arange(COUNT), made.table["candidate"])[:5]
    table = made.candidates.iloc[others].assign(label="Cell")
    table.to_csv(made.answers / "more.csv", index=False)
    sample = made.read().candidates
    assert list(sample["candidate"]) == list(others)
    assert sample[["probability", "weight", "round"]].isna().all(axis=None)


def test_half_a_voxel_beside_a_candidate_is_near_enough_and_more_is_refused(made):
    path = made.answers / "more.csv"
    moved = made.candidates.head(3).assign(label="cell")
    moved[AXES] += 0.49
    moved.to_csv(path, index=False)
    assert len(made.read().candidates) == 3
    moved.loc[2, "x"] += 3
    moved.to_csv(path, index=False)
    with pytest.raises(InputError, match=r"more\.csv: row 3, at z, y, x .* is no candidate"):
        made.read()


def test_a_point_that_was_added_in_napari_is_refused_with_what_to_do(made):
    curated(made)
    path = made.answers / "looked_at..ben.xml"
    text = path.read_text()
    added = "<Marker><MarkerX>155</MarkerX><MarkerY>3</MarkerY><MarkerZ>19</MarkerZ></Marker>"
    path.write_text(text.replace("</Marker_Type>", f"{added}</Marker_Type>", 1))
    with pytest.raises(InputError, match=r"ben\.xml: row \d+, .*mark such cells in blocks"):
        made.read()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"label": "maybe"}, r"row 1 has 'maybe' as label; write cell, no_cell or unsure"),
        ({"probability": 0.5}, r"row 1: says that it was drawn in round 1 with probability 0\.5"),
        ({"round": 4}, r"row 1: is of round 4, but .*drawn-4\.csv"),
        ({"z": "x"}, r"row 1 has 'x' as z"),
        ({"brain": "rat"}, r"row 1: is of brain rat; move the file"),
    ],
)
def test_what_was_changed_by_mistake_is_refused_with_its_row(made, changes, said):
    path = made.fill_in()
    table = pd.read_csv(path).assign(**changes)
    table.to_csv(path, index=False)
    with pytest.raises(InputError, match=said):
        made.read()


def test_an_xml_of_more_than_was_suggested_is_refused(made):
    """As one of all candidates of an arm: nobody has looked at most of them."""
    cells = made.candidates.assign(is_cell=made.p_cell > 0.5)
    write_cells_xml(cells, made.answers / "looked_at.xml")
    with pytest.raises(
        InputError, match=r"looked_at\.xml: row \d+, .* was not suggested, and an XML"
    ):
        made.read()


def test_an_xml_whose_draw_is_lost_is_refused_not_counted(made):
    curated(made)
    drawn_file(made).unlink()
    with pytest.raises(InputError, match=r"restore the files named drawn in this folder"):
        made.read()


def test_a_table_without_labels_is_refused(made):
    made.candidates.to_csv(made.answers / "some.csv", index=False)
    with pytest.raises(InputError, match=r"some\.csv: column label is missing"):
        made.read()


def test_labels_whose_draw_is_lost_are_refused_not_counted(made):
    made.fill_in()
    drawn_file(made).unlink()
    with pytest.raises(InputError, match=r"row 1: is of round 1, but .*drawn-1\.csv.* Restore it"):
        made.read()
    drawn_file(made).write_text("what,ever\n1,2\n")
    with pytest.raises(InputError, match=r"drawn-1\.csv: is not as cellsift wrote it"):
        made.read()


@pytest.mark.parametrize("kind", ["csv", "xml"])
def test_labels_of_other_candidates_are_refused_not_counted(made, kind):
    """As after another detection: the probabilities hold no more."""
    made.fill_in() if kind == "csv" else curated(made)
    more = np.vstack([made.positions, [[19.0, 119, 159]]])
    made.positions = more
    with pytest.raises(InputError, match=r"round 1 was drawn from 150 candidates, now there are"):
        made.read()


def test_other_files_are_told_of_or_passed_over(made):
    (made.answers / "sheet.xlsx").touch()
    (made.answers / "picture.png").touch()
    (made.answers / ".DS_Store").touch()
    (told,) = made.read().summary["told"]
    assert told.startswith(f"brain {BRAIN}: ")
    assert "sheet.xlsx: is not read" in told
