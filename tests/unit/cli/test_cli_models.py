"""Commands that use a trained model, and the names that a script imports."""

import doctest
import json
import subprocess
import sys

import pytest
import tifffile

import cellsift
from cellsift.cli import main
from cellsift.phantom import make_brain
from cellsift.phantom.settings import BrainSettings

SIZE = (5, 2, 2)
SIZED = ["--voxel-size", *SIZE]
DETECTOR = {"soma_diameter": 16, "minimum_contrast": 0.1}
SET = [part for name, value in DETECTOR.items() for part in ("--set", f"{name}={value}")]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A volume, and an arm of one epoch that was trained on its cells."""
    folder = tmp_path_factory.mktemp("made")
    brain = make_brain(1, BrainSettings(shape=(30, 150, 180), cells=80))
    tifffile.imwrite(folder / "a.tif", brain.signal)
    signal = cellsift.open_volume(folder / "a.tif", SIZE)
    candidates = cellsift.detect(signal, "dog", **DETECTOR)
    labels, _ = cellsift.label_candidates(candidates, brain.cells, None, SIZE, distance_um=10)
    at = candidates[["z", "y", "x"]].to_numpy()
    store = cellsift.extract_cuboids(signal, None, at, (8, 12, 12), SIZE, folder / "cuboids.zarr")
    arm = cellsift.Arm("mine", "features", {}, cellsift.Recipe(epochs=1))
    brains = {"a": cellsift.TrainingBrain(store, labels, SIZE)}
    detection = {"method": "dog", **DETECTOR}
    model = cellsift.train_arm(arm, brains, folder / "model", folds=2, detection=detection)
    return folder, model, cellsift.classify(model, store)


def run(*arguments) -> int:
    with pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    return end.value.code


def test_classify_writes_what_the_parts_give(made, tmp_path, capsys):
    folder, model, cells = made
    given = ["classify", model, folder / "a.tif", *SIZED, "--out", tmp_path / "o"]
    assert run(*given, "--dry-run") == 0
    assert not (tmp_path / "o").exists()
    capsys.readouterr()
    assert run(*given, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["candidates"] == len(cells)
    assert found["cells"] == cells["is_cell"].sum()
    assert found["detection"]["parameters"]["soma_diameter"] == 16
    assert len(cellsift.read_points(tmp_path / "o" / "cells.xml", "cell")) == found["cells"]
    assert run(*given, "--background", folder / "a.tif") == 2
    assert "--background" in capsys.readouterr().err


def test_classify_says_which_detection_it_used_and_what_is_given_counts(made, tmp_path, capsys):
    folder, model, cells = made
    given = ["classify", model, folder / "a.tif", *SIZED, "--out", tmp_path / "o"]
    assert run(*given) == 0
    said = capsys.readouterr().out
    assert "detection: dog (soma_diameter 16, minimum_contrast 0.1" in said
    assert "as the model learnt" in said
    assert run(*given, "--method", "dog", *SET, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["candidates"] == len(cells)
    assert found["detection"]["source"] == "as given"
    assert run(*given, "--set", "minimum_contrast=0.4", "--json") == 0
    assert json.loads(capsys.readouterr().out)["candidates"] < len(cells)


def test_extract_cuts_what_the_model_takes(made, tmp_path, capsys):
    folder, model, cells = made
    cells.to_csv(tmp_path / "at.csv", index=False)
    given = [folder / "a.tif", tmp_path / "at.csv", "--model", model, "--voxel-size", *SIZE]
    assert run("extract", *given, "--out", tmp_path / "c.zarr", "--json") == 0
    assert json.loads(capsys.readouterr().out)["cuboids"] == len(cells)


def test_count_counts_a_folder_of_volumes(made, tmp_path, capsys):
    folder, model, cells = made
    given = ["count", folder, "--model", model, *SIZED, "--out", tmp_path / "n"]
    (folder / "b.tif").write_bytes((folder / "a.tif").read_bytes())
    assert run(*given, "--json") == 0
    counts = json.loads((tmp_path / "n" / "counts.json").read_text())["counts"]
    assert {row["cells"] for row in counts.values()} == {int(cells["is_cell"].sum())}
    assert {path.name for path in (tmp_path / "n" / "plots").iterdir()} == {"a.png", "b.png"}


def test_a_model_that_is_none_is_refused(made, capsys):
    folder, _, _ = made
    assert run("classify", folder, folder / "a.tif", "--voxel-size", *SIZE) == 2
    assert "is no model" in capsys.readouterr().err


@pytest.mark.parametrize("name", cellsift.__all__)
def test_every_public_name_is_there_and_documented(name):
    assert getattr(cellsift, name).__doc__


def test_the_example_of_the_package_runs():
    assert doctest.testmod(cellsift).failed == 0


def test_importing_the_package_loads_no_network():
    code = "import sys, cellsift; print('torch' in sys.modules, 'numpy' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["False", "False"]
