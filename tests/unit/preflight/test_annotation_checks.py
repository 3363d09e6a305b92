"""What is wrong with an annotation is told before any work, and ordinary ones pass in silence."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from cellsift.errors import InputError
from cellsift.io.cells import read_points, write_cells_xml
from cellsift.labels.matching import label_candidates
from cellsift.preflight.annotation import check_annotation
from cellsift.settings.brains import Brain

SHAPE, VOXEL = (30, 80, 200), (5.0, 2.0, 2.0)


@pytest.fixture
def cells():
    """Forty cells, none nearer to another than 10 µm."""
    places = np.stack(np.meshgrid([4, 11, 18, 25], [10, 60], np.arange(12, 190, 38)), -1)
    return places.reshape(-1, 3).astype(float)


@pytest.fixture
def brain(tmp_path):
    """A function that makes a brain with these positions, or this text, as its annotation."""

    def make(role="train", **files):
        paths = {}
        for column, content in files.items():
            paths[column] = tmp_path / f"{column}.csv"
            if not isinstance(content, str):
                content = pd.DataFrame(content, columns=["z", "y", "x"]).to_csv(index=False)
            paths[column].write_text(content)
        named = {column: str(path) for column, path in paths.items()}
        return Brain("b", "s.tif", VOXEL, role, **named)

    return make


def told(brain):
    return check_annotation(brain, SHAPE)["warnings"]


def test_an_ordinary_annotation_passes_in_silence(brain, cells):
    found = check_annotation(brain(cells=cells, non_cells=cells + [2, 0, 0]), SHAPE)
    assert found == {"annotated_cells": 40, "annotated_non_cells": 40, "warnings": []}


def test_a_cell_that_is_listed_twice_is_one_cell(brain, cells):
    annotated = brain(cells=np.concatenate([cells, cells[:7]]))
    found = check_annotation(annotated, SHAPE)
    assert found["annotated_cells"] == 40
    (warning,) = found["warnings"]
    assert "7 rows repeat" in warning
    assert annotated.cells in warning
    candidates = pd.DataFrame(cells, columns=["z", "y", "x"])
    labelled, summary = label_candidates(
        candidates, read_points(annotated.cells, "cell"), None, VOXEL, 10
    )
    assert summary["recall"] == 1
    assert summary["missed"] == []
    assert (labelled["label"] == "cell").all()


def test_cells_listed_again_a_little_off_are_told(brain, cells):
    again = cells + [0.4, 1.0, -1.0]
    (warning,) = told(brain(cells=np.concatenate([cells, again])))
    assert "80 of 80 positions lie less than" in warning
    # Cells that touch are no repetition.
    assert told(brain(cells=np.concatenate([cells, cells + [0, 3, 0]]))) == []


@pytest.mark.parametrize(
    ("role", "said"),
    [
        ("train", "no cell can be learnt"),
        ("test", "neither recall nor F1 can be measured"),
        ("predict", "holds no position"),
    ],
)
def test_an_annotation_without_cells_is_told(brain, role, said):
    found = check_annotation(brain(role, cells="z,y,x\n"), SHAPE)
    assert found["annotated_cells"] == 0
    (warning,) = found["warnings"]
    assert said in warning
    assert "leave cells empty" in warning
    assert ("set its role to predict" in warning) == (role != "predict")


def test_artefacts_without_positions_are_told(brain, cells):
    (warning,) = told(brain(cells=cells, non_cells="z,y,x\n"))
    assert "Leave non_cells empty" in warning


@pytest.mark.parametrize("off", [0, 0.4])
def test_the_same_list_as_cells_and_as_artefacts_is_refused(brain, cells, off):
    """Also under another name, rounded otherwise, or with a few more."""
    more = np.concatenate([cells + off, [[1.0, 1, 1], [2, 2, 2]]])
    with pytest.raises(InputError, match=r"brain b, non_cells: .*40 of 42 positions are also"):
        told(brain(cells=cells, non_cells=more))


def test_a_file_of_both_kinds_may_stand_for_both(brain, cells, tmp_path):
    table = pd.DataFrame(cells, columns=["z", "y", "x"]).assign(is_cell=np.arange(40) < 25)
    write_cells_xml(table, tmp_path / "both.xml")
    table.to_csv(tmp_path / "both.csv", index=False)
    typed = table.assign(type=np.where(table["is_cell"], 2, 1)).drop(columns="is_cell")
    typed.to_csv(tmp_path / "typed.csv")
    for name in ("both.xml", "both.csv", "typed.csv"):
        path = str(tmp_path / name)
        both = dataclasses.replace(brain(), cells=path, non_cells=path)
        found = check_annotation(both, SHAPE)
        assert found == {"annotated_cells": 25, "annotated_non_cells": 15, "warnings": []}


def test_a_few_positions_in_both_lists_are_told(brain, cells):
    (warning,) = told(brain(cells=cells, non_cells=np.concatenate([cells[:2], cells + [2, 0, 0]])))
    assert "2 of 42 positions are also" in warning


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda p: p[:, ::-1], "in the order x, y, z instead of z, y, x"),
        (lambda p: p[:, [0, 2, 1]], "in the order z, x, y instead of z, y, x"),
        (lambda p: p[:, [1, 2, 0]], "in the order y, x, z instead of z, y, x"),
        (lambda p: p * VOXEL, "in µm instead of voxels"),
        (lambda p: (p * VOXEL)[:, ::-1], "in µm and in the order x, y, z"),
    ],
)
def test_positions_outside_that_fit_in_another_order_or_unit_are_told_which(
    brain, cells, change, said
):
    with pytest.raises(InputError) as refusal:
        told(brain(cells=change(cells)))
    assert "positions lie outside the volume of shape (z, y, x) (30, 80, 200)" in str(refusal.value)
    assert f"All of them would lie inside {said}" in str(refusal.value)


def test_positions_that_fit_nowhere_are_told_how_far_they_reach(brain, cells):
    with pytest.raises(InputError, match=r"They reach z 4 to 1000, y 10 to 60, x 12 to 164\."):
        told(brain(cells=np.concatenate([cells, [[1000, 10, 12]]])))


@pytest.mark.parametrize("axis", [1, 2])
def test_cells_of_one_plane_across_another_axis_are_told(brain, cells, axis):
    """Also if they were not marked exactly in it."""
    cells[:, 0], cells[:, 3 - axis] = np.linspace(1, 28, 40), np.linspace(3, 77, 40)
    cells[:, axis] = 33 + np.linspace(-0.3, 0.3, 40)
    (warning,) = told(brain(cells=cells))
    assert f"lie in the plane {'zyx'[axis]} = 33 of {SHAPE[axis]}" in warning


@pytest.mark.parametrize(
    ("place", "said"),
    [((30, 9, 9), "z 30"), ((2, 80, 200), "y 80, x 200"), ((2, 9, -1), "x -1")],
)
def test_positions_one_voxel_outside_are_told(brain, cells, place, said):
    """As of positions that were counted from 1."""
    (warning,) = told(brain(cells=np.concatenate([cells, [place]])))
    assert f"positions reach {said}, one voxel beyond" in warning
    # Half a voxel is what programs disagree about.
    assert told(brain(cells=np.concatenate([cells, [[29.5, 79.5, -0.5]]]))) == []


@pytest.mark.parametrize(("plane", "count", "warned"), [(0, 2, True), (7, 3, False), (7, 40, True)])
def test_cells_that_all_lie_in_one_plane_are_told(brain, cells, plane, count, warned):
    flat = cells[:count].copy() + np.arange(count)[:, None] * [0, 0.4, 0]
    flat[:, 0] = plane
    warnings = [said for said in told(brain(cells=flat)) if "lie in plane" in said]
    assert len(warnings) == warned


def test_slices_of_a_hyperstack_beyond_the_volume_are_refused(brain, tmp_path):
    marker = "<Marker><MarkerX>5</MarkerX><MarkerY>5</MarkerY><MarkerZ>31</MarkerZ></Marker>"
    (tmp_path / "m.xml").write_text(
        "<CellCounter_Marker_File><Image_Properties><Image_Filename>s.tif</Image_Filename>"
        "</Image_Properties><Marker_Data><Marker_Type><Type>1</Type>"
        f"{marker}</Marker_Type></Marker_Data></CellCounter_Marker_File>"
    )
    marked = dataclasses.replace(brain(), cells=str(tmp_path / "m.xml"))
    with pytest.raises(InputError, match=r"slice 31, but the signal has 30 planes.*number of chan"):
        told(marked)
    assert check_annotation(marked, (31, 80, 200))["annotated_cells"] == 1


def test_marks_that_were_set_in_an_image_of_other_voxels_are_told(brain, tmp_path):
    """The calibration that Fiji writes beside them contradicts the table."""

    def marked(size, unit="micron", **settings):
        calibration = "".join(
            f"<{a}_Calibration>{v}</{a}_Calibration>" for a, v in zip("ZYX", size, strict=True)
        )
        (tmp_path / "m.xml").write_text(
            f"<CellCounter_Marker_File><Image_Properties>{calibration}<Calibration_Unit>{unit}"
            "</Calibration_Unit></Image_Properties><Marker_Data><Marker_Type><Type>1</Type>"
            "<Marker><MarkerX>5</MarkerX><MarkerY>5</MarkerY><MarkerZ>3</MarkerZ></Marker>"
            "</Marker_Type></Marker_Data></CellCounter_Marker_File>"
        )
        return dataclasses.replace(brain(), cells=str(tmp_path / "m.xml"), settings=settings)

    sentences = told(marked((5, 4, 4)))
    assert len(sentences) == 2
    assert (
        "the calibration says voxels of 5, 4, 4 µm (z, y, x), the brains table 5, 2, 2"
        in (sentences[1])
    )
    assert "x, y, z instead of" in told(marked((2, 2, 5)))[1]
    for same in (
        marked((5, 2, 2)),
        marked((0.005, 0.002, 0.002), "mm"),
        marked((1, 1, 1), "pixel"),
        marked((5, 4, 4), voxel_size_in_files="ignore"),
        marked(("a", 4, 4)),
    ):
        assert len(told(same)) == 1


def test_brainglobes_candidates_are_not_taken_for_cells_in_silence(brain, cells, tmp_path):
    table = pd.DataFrame(cells, columns=["z", "y", "x"])
    path = str(tmp_path / "cells.xml")
    write_cells_xml(table.assign(is_cell=False), path)
    (warning,) = told(dataclasses.replace(brain(), cells=path))
    assert "all 40 markers are of a type that BrainGlobe gives to candidates" in warning
    write_cells_xml(table.assign(is_cell=True), path)
    assert told(dataclasses.replace(brain(), cells=path)) == []
    table.assign(type=1).to_csv(tmp_path / "candidates.csv")
    (warning,) = told(dataclasses.replace(brain(), cells=str(tmp_path / "candidates.csv")))
    assert "all 40 markers are of a type that BrainGlobe gives to candidates" in warning


def test_an_annotation_among_cellsifts_results_is_told(brain, cells, tmp_path):
    folder = tmp_path / "results" / "brains" / "b"
    (folder / "resnet").mkdir(parents=True)
    (folder / "checked.json").write_text("{}")
    path = folder / "resnet" / "cells.xml"
    write_cells_xml(pd.DataFrame(cells, columns=["z", "y", "x"]).assign(is_cell=True), path)
    (warning,) = told(dataclasses.replace(brain(), cells=str(path)))
    assert "lies among results of cellsift" in warning


def test_a_hundred_thousand_positions_in_one_voxel_are_counted_in_seconds(brain):
    """As of positions that were divided by the size of the brain."""
    crowd = np.random.default_rng(0).uniform(0, 1, (100_000, 3))
    (warning,) = told(brain(cells=crowd))
    assert "100000 of 100000 positions lie less than" in warning
