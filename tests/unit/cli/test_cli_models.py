"""Commands that use a trained model, and the names that a script imports."""

import doctest
import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tifffile

import cellsift
from cellsift.cli import main
from cellsift.io.cells import write_cells_xml
from cellsift.io.tables import read_table
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


def test_classify_takes_the_candidates_of_brainmapper(made, tmp_path, capsys):
    """Their order in its file decides nothing, nor do the types that it gave them."""
    folder, model, cells = made
    points = tmp_path / "bm" / "points"
    points.mkdir(parents=True)
    whole = cells.round({"z": 0, "y": 0, "x": 0}).drop_duplicates(["z", "y", "x"])
    write_cells_xml(whole.sample(frac=1, random_state=1), points / "cells.xml")
    given = ["classify", model, folder / "a.tif", *SIZED, "--out", tmp_path / "o", "--json"]
    assert run(*given, "--candidates", tmp_path / "bm") == 0
    assert json.loads(capsys.readouterr().out)["candidates"] == len(whole)
    found = read_table(tmp_path / "o" / "cells.csv")
    assert (found[["z", "y", "x"]].to_numpy() == whole[["z", "y", "x"]].to_numpy()).all()
    swapped = whole.rename(columns={"z": "x", "x": "z"})
    swapped.to_csv(tmp_path / "swapped.csv", index=False)
    assert run(*given, "--candidates", tmp_path / "swapped.csv") == 2
    assert "in the order x, y, z" in capsys.readouterr().err
    assert run(*given, "--candidates", tmp_path) == 2
    assert "no folder of brainmapper" in capsys.readouterr().err


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
    for row in counts.values():
        assert row["low"] < row["count"] < row["high"]
        assert row["low"] <= row["cells"] <= row["high"]
    assert {path.name for path in (tmp_path / "n" / "plots").iterdir()} == {"a.png", "b.png"}


def test_a_count_without_what_an_interval_rests_on_is_naive_and_says_why(made, tmp_path, capsys):
    folder, model, _ = made
    given = ["count", folder / "a.tif", *SIZED, "--out", tmp_path / "n"]
    assert run(*given, "--model", model, "--set", "minimum_contrast=0.2") == 0
    said = capsys.readouterr().out
    assert "candidates are not detected as those that the model was calibrated on" in said
    assert "interval 1" not in said
    uncalibrated = shutil.copytree(model, tmp_path / "uncalibrated")
    content = json.loads((uncalibrated / "model.json").read_text())
    del content["calibration"]["n"]
    (uncalibrated / "model.json").write_text(json.dumps(content))
    assert run(*given, "--model", uncalibrated, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert "never calibrated" in found["note"]
    assert set(found["counts"]["a"]) == {"volume", "candidates", "cells"}


def test_a_background_goes_with_the_volume_of_its_name(made, tmp_path, capsys):
    folder, model, _ = made
    others = tmp_path / "others"
    others.mkdir()
    shutil.copy(folder / "a.tif", others / "c.tif")
    given = ["count", folder / "a.tif", "--model", model, *SIZED, "--out", tmp_path / "n"]
    assert run(*given, "--background", others) == 2
    assert "the model takes the signal alone" in capsys.readouterr().err
    shutil.copy(folder / "a.tif", others / "d.tif")
    assert run(*given, "--background", others) == 2
    assert "go together by their names, and a, c, d is only in one" in capsys.readouterr().err
    assert not (tmp_path / "n").exists()


@pytest.mark.parametrize("command", ["classify", "count"])
def test_an_image_of_two_dimensions_is_refused_in_words(made, tmp_path, capsys, command):
    _, model, _ = made
    tifffile.imwrite(tmp_path / "flat.tif", np.zeros((50, 60), np.uint16))
    planes = tmp_path / "planes"
    planes.mkdir()
    shutil.copy(tmp_path / "flat.tif", planes / "z0.tif")
    for image, said in ((tmp_path / "flat.tif", "not 3D"), (planes, "a single plane")):
        given = [model, image] if command == "classify" else [image, "--model", model]
        assert run(command, *given, *SIZED, "--out", tmp_path / "out") == 2
        assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


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
