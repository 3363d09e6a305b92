"""Models that travel, by the command line: released, listed, fetched, checked, exported, used."""

import json

import numpy as np
import pytest
import tifffile
from small_release import TEXTS, make_run

from cellsift.cli import main

pytestmark = pytest.mark.slow


def run(*arguments) -> int:
    with pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    return end.value.code


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    """The results of a run, and the index in which an arm of it was released."""
    folder = tmp_path_factory.mktemp("released")
    results, models = make_run(folder), folder / "models"
    (folder / "card.json").write_text(json.dumps(TEXTS))
    given = ["release", results.path, "narrow", "--name", "blobs-2026", "--to", models]
    assert run(*given, "--card", folder / "card.json", "--dry-run") == 0
    assert not models.exists()
    assert run(*given, "--card", folder / "card.json") == 0
    return results, models


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_a_release_is_listed_shown_fetched_and_checked(released, capsys):
    _, models = released
    assert run("models", "list", "--models", models, "--json") == 0
    (listed,) = json.loads(capsys.readouterr().out)["models"]
    assert listed["model"] == "blobs-2026@1.0.0"
    assert run("models", "show", "blobs-2026", "--models", models) == 0
    assert TEXTS["tissue"] in capsys.readouterr().out
    assert run("models", "fetch", "blobs-2026", "--models", models) == 0
    assert "is complete" in capsys.readouterr().out
    assert run("models", "check", "blobs-2026@1.0.0", "--models", models, "--json") == 0
    assert json.loads(capsys.readouterr().out)["difference"] < 1e-4


def test_a_release_classifies_a_volume_by_its_name(released, tmp_path, capsys):
    _, models = released
    volume = np.random.default_rng(1).integers(0, 500, (24, 60, 60)).astype(np.uint16)
    volume[10:13, 28:33, 28:33] += 3000
    tifffile.imwrite(tmp_path / "a.tif", volume, photometric="minisblack")
    given = ["classify", "blobs-2026", tmp_path / "a.tif", "--models", models, "--json"]
    given += [
        "--voxel-size",
        5,
        2,
        2,
        "--out",
        tmp_path / "out",
        "--background",
        tmp_path / "a.tif",
    ]
    code = run(*given)
    said = capsys.readouterr()
    assert code == 0, said.err
    assert json.loads(said.out)["candidates"] > 0
    assert (tmp_path / "out" / "cells.xml").is_file()


def test_an_unknown_arm_and_an_unknown_release_are_refused(released, tmp_path, capsys):
    results, models = released
    assert run("release", results.path, "nobody", "--name", "x-2026", "--to", tmp_path / "m") == 2
    assert "has no trained arm 'nobody'" in capsys.readouterr().err
    assert not (tmp_path / "m").exists()
    assert run("export", "other-2026", tmp_path / "a.onnx", "--to", "onnx", "--models", models) == 2
    assert "other-2026" in capsys.readouterr().err
    assert run("export", "blobs-2026", tmp_path / "a.x", "--to", "nowhere") == 2


def test_a_release_is_exported_for_other_programs(released, tmp_path, capsys):
    _, models = released
    file = tmp_path / "arm.onnx"
    given = ["export", "blobs-2026", file, "--to", "onnx", "--models", models]
    assert run(*given, "--dry-run") == 0
    assert not file.exists()
    assert run(*given) == 0
    assert file.stat().st_size > 1000
    package = tmp_path / "blobs.zip"
    assert run("export", "blobs-2026", package, "--to", "bioimageio", "--models", models) == 0
    assert package.is_file()
    assert "bioimage.io" in capsys.readouterr().out
