"""Candidates that a brain was given in the place of a detection."""

import dataclasses
import json

import pandas as pd
import pytest

from cellsift.errors import InputError
from cellsift.io.cells import write_cells_xml
from cellsift.io.tables import read_table
from cellsift.preflight.brain import check_brain
from cellsift.preflight.candidates import given_candidates
from cellsift.project.reading import load_project
from cellsift.settings.brains import Brain
from cellsift.steps.label import label
from cellsift.steps.preflight import preflight
from cellsift.steps.take_candidates import take_candidates

SHAPE = (28, 150, 180)
SETTINGS = {
    "detection": {"method": "dog", "soma_diameter": 14},
    "matching": {"distance_um": 10},
    "voxel_size_in_files": "check",
}


def of_positions(folder, positions, name="candidates.csv") -> Brain:
    """A brain with these candidates, z, y, x."""
    path = folder / name
    pd.DataFrame(positions, columns=["z", "y", "x"]).to_csv(path, index=False)
    return Brain("mouse", "signal.tif", (5, 2, 2), candidates=str(path), settings=SETTINGS)


@pytest.fixture
def brain(small_brains, tmp_path) -> Brain:
    """A brain whose candidates are its annotated cells and some more, in brainmapper's folder."""
    source = small_brains / "mouse_1"
    cells = pd.read_csv(source / "cells.csv")[["z", "y", "x"]]
    more = pd.DataFrame([[2, 3, 4], [20, 140, 170]], columns=["z", "y", "x"])
    (tmp_path / "points").mkdir()
    path = tmp_path / "points" / "cells.xml"
    write_cells_xml(pd.concat([cells, more]).assign(is_cell=False), path)
    return Brain(
        "mouse",
        str(source / "signal"),
        (5, 2, 2),
        "train",
        cells=str(source / "cells.csv"),
        settings=SETTINGS,
        candidates=str(path),
    )


def test_given_candidates_are_labelled_and_told_of_by_their_file(brain, tmp_path):
    volumes, candidates = tmp_path / "volumes.json", tmp_path / "candidates.csv"
    volumes.write_text(json.dumps({"signal": {"shape": SHAPE}, "warnings": []}))
    told = []
    take_candidates(brain, volumes, candidates, told.append)
    assert brain.candidates in told[0]
    assert "nothing is detected" in told[0]
    assert list(read_table(candidates)) == ["z", "y", "x"]
    outputs = tmp_path / "labels.csv", tmp_path / "labels.json"
    label(brain, candidates, volumes, *outputs, told.append)
    summary = json.loads(outputs[1].read_text())
    assert summary["candidates_from"] == brain.candidates
    assert summary["reached"] == summary["annotated"] == summary["cell"] == 70
    assert any(line.startswith(f"brain mouse, candidates of {brain.candidates}") for line in told)


def test_what_such_candidates_miss_is_not_laid_to_detection(brain, tmp_path):
    volumes, candidates = tmp_path / "volumes.json", tmp_path / "candidates.csv"
    volumes.write_text(json.dumps({"signal": {"shape": SHAPE}}))
    few = of_positions(tmp_path, [[2, 3, 4]], "few.csv")
    brain = dataclasses.replace(brain, candidates=few.candidates)
    take_candidates(brain, volumes, candidates, print)
    label(brain, candidates, volumes, tmp_path / "l.csv", tmp_path / "l.json", print)
    (said,) = json.loads((tmp_path / "l.json").read_text())["detection_warnings"]
    assert "few.csv misses too much" in said
    assert "soma_diameter" not in said


def test_positions_in_another_order_are_refused_with_the_order(tmp_path):
    brain = of_positions(tmp_path, [[170, 140, 20], [100, 30, 10]])
    with pytest.raises(InputError, match=r"brain mouse, candidates: .*in the order x, y, z"):
        given_candidates(brain, SHAPE)


def test_positions_a_voxel_outside_are_moved_to_the_edge_and_told_of(tmp_path):
    brain = of_positions(tmp_path, [[28, 150, 180], [3, 4, 5], [3, 4, 5]])
    table, doubts = given_candidates(brain, SHAPE)
    assert table.to_numpy().tolist() == [[3, 4, 5], [27, 149, 179]]
    assert any("one voxel beyond" in doubt for doubt in doubts)
    assert any("listed more than once" in doubt for doubt in doubts)


def test_a_run_of_brainmapper_with_other_voxels_is_told_of(brain, tmp_path):
    note = tmp_path / "brainmapper.json"
    note.write_text(json.dumps({"voxel_sizes": [2, 2, 5]}))
    (doubt,) = given_candidates(brain, SHAPE)[1]
    assert "brainmapper.json says voxels of 2, 2, 5" in doubt
    assert doubt in check_brain(brain)["warnings"]
    quiet = dataclasses.replace(brain, settings=SETTINGS | {"voxel_size_in_files": "ignore"})
    assert given_candidates(quiet, SHAPE)[1] == []


def test_doubts_stand_in_what_preflight_notes_and_a_refusal_does_not(brain, tmp_path):
    volumes, out = tmp_path / "volumes.json", tmp_path / "preflight.json"
    volumes.write_text(json.dumps({"signal": {"shape": SHAPE}, "warnings": []}))
    (tmp_path / "brainmapper.json").write_text(json.dumps({"voxel_sizes": [2, 2, 5]}))
    preflight(brain, volumes, [], out, print)
    assert "brainmapper.json" in json.loads(out.read_text())["warnings"][0]
    wrong = of_positions(tmp_path, [[170, 140, 20]], "wrong.csv")
    brain = dataclasses.replace(brain, candidates=wrong.candidates)
    preflight(brain, volumes, [], out, print)
    assert json.loads(out.read_text())["warnings"] == []
    with pytest.raises(InputError, match="outside the volume"):
        take_candidates(brain, volumes, tmp_path / "candidates.csv", print)
    assert not (tmp_path / "candidates.csv").exists()


def project_of(tmp_path, given: dict[str, bool], **config):
    """A project of two train brains and one to predict, some with candidates of their own."""
    (tmp_path / "bm" / "points").mkdir(parents=True, exist_ok=True)
    (tmp_path / "bm" / "points" / "cells.xml").touch()
    header = ["brain", "role", "signal", "voxel_z", "voxel_y", "voxel_x", "cells", "candidates"]
    rows = [header]
    for name, role in (("a", "train"), ("b", "train"), ("c", "predict")):
        cells = f"{name}.csv" if role == "train" else ""
        rows.append([name, role, name, "5", "2", "2", cells, "bm" if given[name] else ""])
    (tmp_path / "brains.tsv").write_text("\n".join("\t".join(row) for row in rows))
    config = {"brains_table": "brains.tsv", "arms": ["resnet_narrow"]} | config
    return load_project(config, tmp_path)


def test_of_a_folder_the_file_in_it_is_what_rules_watch(tmp_path):
    project = project_of(tmp_path, {"a": True, "b": False, "c": False})
    assert project.brains["a"].candidates == "bm/points/cells.xml"
    assert project.brains["b"].candidates is None


@pytest.mark.parametrize(
    ("given", "detection", "said"),
    [
        ({"a": True, "b": True, "c": False}, {"method": "auto"}, "none without candidates of its"),
        ({"a": True, "b": True, "c": True}, {"method": "auto"}, "gives every brain its candidates"),
        (
            {"a": True, "b": True, "c": False},
            {"method": "dog", "keep": {"recall": 0.9}},
            "keep chooses a contrast .*none without candidates",
        ),
    ],
)
def test_a_search_without_a_brain_to_search_on_is_refused(tmp_path, given, detection, said):
    with pytest.raises(InputError, match=said):
        project_of(tmp_path, given, detection=detection)


@pytest.mark.parametrize(
    ("given", "detection"),
    [
        ({"a": True, "b": False, "c": False}, {"method": "auto"}),
        ({"a": True, "b": True, "c": True}, {"method": "dog", "keep": {"recall": 0.9}}),
    ],
)
def test_where_one_is_left_or_nothing_is_detected_the_config_stands(tmp_path, given, detection):
    assert project_of(tmp_path, given, detection=detection).brains


def test_a_folder_of_another_kind_is_refused_with_its_line(tmp_path):
    project_of(tmp_path, {"a": True, "b": False, "c": False})
    (tmp_path / "bm" / "points" / "cells.xml").unlink()
    with pytest.raises(InputError, match="line 2, brain 'a', candidates: .*bm: is no folder"):
        load_project({"brains_table": "brains.tsv", "arms": ["resnet_narrow"]}, tmp_path)
