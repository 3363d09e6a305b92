"""What a brain's files of annotation, whatever their form, say of its cells and of where."""

import json

import numpy as np
import pandas as pd
import pytest
from label_studio_exports import (
    annotation,
    choice,
    key_point,
    task,
    write_export,
    write_planes,
)

from cellsift.annotation.brain import annotation_of
from cellsift.annotation.labels import meanings_of
from cellsift.annotation.quality import quality_in_words
from cellsift.errors import InputError
from cellsift.settings.brains import Brain

PLANES = 6
CELL, OTHER = key_point(10, 10), key_point(30, 60)


@pytest.fixture
def brain(tmp_path):
    """A function that makes a brain of six planes with these columns and settings."""
    signal = str(write_planes(tmp_path / "signal"))

    def make(cells, non_cells=None, **settings):
        of_brain = {"annotators": settings} if settings else {}
        return Brain("b", signal, (5, 2, 2), "train", None, cells, non_cells, of_brain)

    return make


@pytest.fixture
def export(tmp_path):
    def write(*tasks, name="e.json"):
        return write_export(tmp_path / name, *tasks)

    return write


def csv(path, *points) -> str:
    pd.DataFrame(np.reshape(points, (-1, 3)), columns=list("zyx")).to_csv(path, index=False)
    return str(path)


def places(table) -> list[tuple]:
    return [tuple(row) for row in table[["z", "y", "x"]].round(6).to_numpy().tolist()]


def status(found) -> dict[int, tuple]:
    rows = found.quality(PLANES)
    columns = ("z_first", "status", "excluded")
    return {z: (said, left) for z, said, left in zip(*(rows[c] for c in columns), strict=True)}


def test_a_plain_file_is_what_it_was(tmp_path, brain):
    path = csv(tmp_path / "c.csv", (1, 2, 3), (4, 5, 6.5))
    found = annotation_of(brain(path))
    assert places(found.cells) == [(1, 2, 3), (4, 5, 6.5)]
    assert found.artefacts is None
    assert found.is_complete_everywhere
    assert found.agreement is None
    (row,) = found.quality(PLANES).to_dict("records")
    assert (row["status"], row["excluded"], row["z_last"]) == ("fully annotated", "no", 5)


def test_with_non_cells_only_what_was_annotated_is_used(tmp_path, brain):
    cells, none = csv(tmp_path / "c.csv", (1, 2, 3)), csv(tmp_path / "n.csv", (4, 5, 6))
    found = annotation_of(brain(cells, none))
    assert places(found.artefacts) == [(4, 5, 6)]
    assert not found.is_complete_somewhere
    (row,) = found.quality(PLANES).to_dict("records")
    assert (row["status"], row["excluded"]) == ("sparse", "part")


def test_files_of_several_annotators_are_merged(tmp_path, brain):
    csv(tmp_path / "m..anna.csv", (1, 2, 2), (5, 30, 70))
    csv(tmp_path / "m..ben.csv", (1, 2, 4))
    found = annotation_of(brain(str(tmp_path / "m..*.csv")))
    assert found.annotators == ["anna", "ben"]
    assert places(found.cells) == [(1, 2, 3)]
    assert places(found.in_doubt) == [(5, 30, 70)]
    assert found.agreement["f1"] == pytest.approx(2 / 3)
    (row,) = found.quality(PLANES).to_dict("records")
    assert (row["status"], row["excluded"]) == ("fully annotated", "part")
    assert "1 marked by some annotators only" in row["why"]


def test_it_is_known_how_many_cells_each_has_marked_and_how_many_are_agreed_on(tmp_path, brain):
    """Where only some cells are annotated a cell counts that one alone has marked."""
    for name, *cells in (("anna", (1, 2, 3), (4, 5, 60), (0, 5, 5)), ("ben d", (1, 2, 3))):
        csv(tmp_path / f"c..{name}.csv", *cells)
        csv(tmp_path / f"n..{name}.csv", (5, 50, 50))
    found = annotation_of(brain(str(tmp_path / "c..*.csv"), str(tmp_path / "n..*.csv")))
    assert len(found.cells) == 3
    assert (found.marked, found.agreed_on) == ({"anna": 3, "ben d": 1}, 1)


def test_a_forgotten_pattern_is_shown(tmp_path, brain):
    csv(tmp_path / "m..anna.csv", (1, 2, 2))
    with pytest.raises(InputError, match=r"write m\.\.\*\.csv"):
        annotation_of(brain(str(tmp_path / "m.csv")))


def test_images_with_all_some_or_no_cells_annotated_are_told_apart(brain, export):
    path = export(
        task(0, annotation(CELL)),
        task(1, annotation(CELL, choice("sparse"))),
        task(2, annotation()),
        task(3),
        # Whose label would be refused.
        task(4, annotation(key_point(1, 1, "B"), was_cancelled=True)),
    )
    found = annotation_of(brain(path))
    assert places(found.cells) == [(0, 10, 10), (1, 10, 10)]
    assert status(found) == {
        0: ("fully annotated", "no"),
        1: ("sparse", "part"),
        2: ("empty", "no"),
        3: ("missing", "yes"),
        4: ("missing", "yes"),
        5: ("missing", "yes"),
    }
    assert found.complete.tolist() == [True, False, True, False, False, False]
    assert "1 of 4 annotations were submitted without a mark" in found.given.doubts[0]
    assert "2 are missing" in quality_in_words(found.quality(PLANES))


def test_candidates_are_judged_by_the_plane_that_they_are_nearest_to(brain, export):
    found = annotation_of(brain(export(task(2, annotation(CELL)))))
    at = found.complete_at(np.array([[-0.6, 0, 0], [1.4, 0, 0], [1.6, 0, 0], [2.4, 0, 0]]))
    assert at.tolist() == [False, False, True, True]


def test_what_an_image_is_by_default_can_be_set(brain, export):
    path = export(task(0, annotation(CELL)), task(1, annotation()))
    assert status(annotation_of(brain(path, images="sparse")))[0] == ("sparse", "part")
    assert status(annotation_of(brain(path, empty_images="missing")))[1] == ("missing", "yes")
    said = export(task(0, annotation(CELL), annotated="sparse"), name="said.json")
    assert status(annotation_of(brain(said)))[0] == ("sparse", "part")
    own = export(task(0, annotation(CELL, choice("fully annotated"))), name="own.json")
    assert status(annotation_of(brain(own, own)))[0] == ("fully annotated", "no")


def test_an_export_in_both_columns_is_used_in_part(brain, export):
    path = export(task(0, annotation(CELL, key_point(30, 60, "no_cell"))))
    found = annotation_of(brain(path, path))
    assert (places(found.cells), places(found.artefacts)) == ([(0, 10, 10)], [(0, 30, 60)])
    assert not found.is_complete_somewhere
    alone = annotation_of(brain(path))
    assert alone.artefacts is None
    assert "1 points are labelled as no cell" in alone.given.doubts[0]


def test_annotators_of_an_export_are_merged_image_by_image(brain, export):
    path = export(
        task(0, annotation(CELL, OTHER, by=1), annotation(CELL, by=2)),
        # Nobody else has looked at this one.
        task(3, annotation(OTHER, by={"id": 1, "email": ""})),
    )
    found = annotation_of(brain(path))
    assert found.annotators == ["1", "2"]
    assert places(found.cells) == [(0, 10, 10), (3, 30, 60)]
    assert places(found.in_doubt) == [(0, 30, 60)]
    assert found.agreement["f1"] == pytest.approx(2 / 3)
    assert status(found)[0] == ("fully annotated", "part")


def test_exports_named_by_annotators_are_merged(tmp_path, brain):
    write_export(tmp_path / "x..anna.json", task(0, annotation(CELL, OTHER)))
    write_export(tmp_path / "x..ben.json", task(0, annotation(CELL)))
    found = annotation_of(brain(str(tmp_path / "x..*.json")))
    assert found.annotators == ["anna", "ben"]
    assert (places(found.cells), places(found.in_doubt)) == ([(0, 10, 10)], [(0, 30, 60)])
    write_export(tmp_path / "x..ben.json", task(0, annotation(by=1), annotation(by=2)))
    with pytest.raises(InputError, match="file of ben, but holds annotations of 1, 2"):
        annotation_of(brain(str(tmp_path / "x..*.json")))


def test_an_image_on_which_annotators_do_not_agree_teaches_no_artefact(brain, export):
    places_of = [(5, 5), (5, 60), (30, 5), (30, 60), (18, 35)]
    points = [key_point(*place) for place in places_of]
    path = export(task(1, annotation(*points, by=1), annotation(points[0], by=2)))
    found = annotation_of(brain(path))
    assert places(found.cells) == [(1, 5, 5)]
    assert status(found)[1] == ("conflicting", "part")
    assert not found.complete.any()
    assert status(annotation_of(brain(path, least_agreement=0.3)))[1][0] == "fully annotated"
    # One cell more or less is no conflict.
    few = export(task(1, annotation(CELL, by=1), annotation(by=2)), name="few.json")
    assert status(annotation_of(brain(few)))[1] == ("fully annotated", "part")


def test_a_volume_on_which_annotators_do_not_agree_teaches_no_artefact(tmp_path, brain):
    cells = [(z, 10, 10) for z in range(6)]
    csv(tmp_path / "m..anna.csv", *cells)
    csv(tmp_path / "m..ben.csv", cells[0], *((z, 35, 70) for z in range(4)))
    found = annotation_of(brain(str(tmp_path / "m..*.csv"), distance_um=1))
    assert places(found.cells) == [(0, 10, 10)]
    assert not found.is_complete_somewhere
    said = quality_in_words(found.quality(PLANES))
    assert said.startswith("The annotation is in conflict: its annotators' F1 is 0.18, below 0.5")


def test_where_all_images_were_skipped_nothing_is_known(brain, export):
    found = annotation_of(brain(export(task(0, annotation(CELL, was_cancelled=True)))))
    assert found.cells.empty
    assert not found.is_complete_somewhere
    assert status(found)[0] == ("missing", "yes")


def test_labels_are_told_by_name_by_the_config_or_not_at_all(brain, export):
    assert meanings_of(["A"], {}, "e.json") == {"A": "cell"}
    assert meanings_of(["not a cell"], {}, "e.json") == {"not a cell": "no_cell"}
    assert meanings_of(["a", "b"], {"A": "cell", "B": "unsure"}, "e") == {
        "a": "cell",
        "b": "unsure",
    }
    with pytest.raises(InputError, match=r"what 'B' means.*annotators: \{labels: \{B: cell\}\}"):
        meanings_of(["cell", "B"], {}, "e.json")
    path = export(task(0, annotation(key_point(1, 1, "A"), key_point(5, 5, "B"))))
    with pytest.raises(InputError, match="'A', 'B'"):
        annotation_of(brain(path))
    found = annotation_of(brain(path, labels={"A": "cell", "B": "unsure"}))
    assert (places(found.cells), places(found.in_doubt)) == ([(0, 1, 1)], [(0, 5, 5)])


def test_forms_are_not_mixed(tmp_path, brain, export):
    table = csv(tmp_path / "n.csv", (1, 1, 1))
    with pytest.raises(InputError, match="is not of Label Studio"):
        annotation_of(brain(export(task(0, annotation(CELL))), table))
    with pytest.raises(InputError, match="is of Label Studio, but"):
        annotation_of(brain(table, export(task(0, annotation(CELL)))))


def test_the_quality_of_a_large_volume_is_a_short_table(tmp_path, export):
    signal = write_planes(tmp_path / "many", (50, 40, 80))
    path = export(task(20, annotation(CELL)))
    found = annotation_of(Brain("b", str(signal), (5, 2, 2), cells=path))
    rows = found.quality(50)
    assert list(zip(rows["z_first"], rows["z_last"], strict=True)) == [(0, 19), (20, 20), (21, 49)]
    assert json.loads(rows.to_json(orient="records"))[0]["why"] == "no image of the export"
