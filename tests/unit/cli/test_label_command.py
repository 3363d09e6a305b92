"""`cellsift label`: candidates and an annotation as files, without a run."""

import json

import pandas as pd
import pytest

from cellsift.cli import main
from cellsift.io.cells import write_cells_xml
from cellsift.io.json_files import write_json
from cellsift.io.tables import read_table, write_table
from cellsift.settings.brains import Brain
from cellsift.steps.label import label

SIZE = ["--voxel-size", "5", "2", "2"]
AXES = ["z", "y", "x"]


def run(*arguments) -> int:
    with pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    return end.value.code


@pytest.fixture
def files(tmp_path, small_brains):
    """brainmapper's folder of candidates: most of the annotated cells, a double, two artefacts."""
    truth = small_brains / "mouse_1" / "cells.csv"
    cells = pd.read_csv(truth)[AXES].round()
    more = pd.DataFrame([[1, 2, 3], [25, 140, 3], [*(cells.loc[0] + [0, 0, 2])]], columns=AXES)
    folder = tmp_path / "bm" / "points"
    folder.mkdir(parents=True)
    found = pd.concat([cells.iloc[:65], more]).assign(is_cell=False)
    write_cells_xml(found, folder / "cells.xml")
    return tmp_path, folder.parent, truth


def test_labels_are_those_of_a_run(files, capsys):
    folder, candidates, truth = files
    out = folder / "labels.csv"
    assert run("label", candidates, truth, *SIZE, "--out", out, "--json") == 0
    found, labelled = json.loads(capsys.readouterr().out), read_table(out)
    assert found["written"] == [str(out)]
    assert found["candidates"] == len(labelled)
    write_table(labelled[AXES], folder / "candidates.csv")
    write_json({"signal": {"shape": [28, 150, 180]}}, folder / "found.json")
    brain = Brain("a", "", (5, 2, 2), cells=str(truth), settings={"matching": {"distance_um": 10}})
    paths = [folder / name for name in ("candidates.csv", "found.json", "run.csv", "run.json")]
    label(brain, *paths, print)
    assert (read_table(folder / "run.csv")["label"] == labelled["label"]).all()
    of_run = json.loads((folder / "run.json").read_text())
    for key in ("reached", "missed", "cell", "no_cell", "ambiguous", "recall"):
        assert found[key] == of_run[key]
    assert len(found["missed"]) == 70 - found["reached"] >= 3


def test_it_says_how_many_cells_no_candidate_reaches(files, capsys, monkeypatch):
    folder, candidates, truth = files
    monkeypatch.chdir(folder)
    assert run("label", candidates, truth, *SIZE, "--dry-run") == 0
    assert "would write labels.csv" in capsys.readouterr().out
    assert not (folder / "labels.csv").exists()
    assert run("label", candidates, truth, *SIZE) == 0
    said = capsys.readouterr().out
    labels = read_table(folder / "labels.csv")["label"].value_counts()
    missed = 70 - labels["cell"]
    assert f"; {missed} are out of reach of all candidates" in said
    assert f"{labels['cell']} cell, {labels['no_cell']} no_cell" in said


def test_the_distance_decides_who_is_a_cell(files, capsys):
    folder, candidates, truth = files
    given = ["label", candidates, truth, *SIZE, "--out", folder / "labels.csv", "--json"]
    reached = []
    for distance in (0.5, 10):
        assert run(*given, "--distance-um", distance) == 0
        reached.append(json.loads(capsys.readouterr().out)["reached"])
    assert reached[0] < reached[1]
    assert run(*given, "--distance-um", 0) == 2
    assert "distance_um" in capsys.readouterr().err


def test_sizes_of_voxels_are_in_the_order_of_the_axes(tmp_path, capsys):
    """Two voxels off are 10 µm along z and 4 µm along x."""
    cells = pd.DataFrame([[5, 50, 50], [15, 50, 50]], columns=AXES)
    cells.to_csv(tmp_path / "cells.csv", index=False)
    found = pd.DataFrame([[7, 50, 50], [15, 50, 52]], columns=AXES)
    found.to_csv(tmp_path / "candidates.csv", index=False)
    given = [tmp_path / "candidates.csv", tmp_path / "cells.csv", "--out", tmp_path / "l.csv"]
    assert run("label", *given, *SIZE, "--distance-um", 6, "--json") == 0
    assert json.loads(capsys.readouterr().out)["missed"] == [0]


def test_what_is_wrong_is_told_and_nothing_is_written(files, capsys):
    folder, candidates, truth = files
    out = folder / "labels.csv"
    given = ["label", candidates, truth, "--out", out]
    assert run(*given) == 2
    assert "--voxel-size" in capsys.readouterr().err
    swapped = pd.read_csv(truth)[AXES].set_axis(["x", "y", "z"], axis=1)
    swapped.to_csv(folder / "swapped.csv", index=False)
    # The volume is of 28 planes: as z, the x of a cell lies outside.
    volume = ["--volume", truth.parent / "signal", *SIZE]
    for files_given in ((candidates, folder / "swapped.csv"), (folder / "swapped.csv", truth)):
        assert run("label", *files_given, *volume, "--out", out) == 2
        assert "in the order x, y, z" in capsys.readouterr().err
    assert run("label", candidates, folder / "a.json", *SIZE, "--out", out) == 2
    assert "--volume" in capsys.readouterr().err
    assert not out.exists()
