"""The steps describe and compare: files in, files out."""

import dask.array as da
import numpy as np
import pytest
import tifffile
from appearances import appearance, classified

from cellsift.cuboids.extraction import extract_cuboids
from cellsift.io.json_files import read_json, write_json
from cellsift.io.tables import write_table
from cellsift.io.volumes import Volume
from cellsift.settings.brains import Brain
from cellsift.steps.compare import compare
from cellsift.steps.describe import describe

ARMS = ["first", "second"]


@pytest.fixture
def compared(tmp_path):
    """A function that compares a brain with train brains; gives the document and what is told."""

    def run(
        brain: str, train: list[str], role="predict", given=(), **brains: dict
    ) -> tuple[dict, list[str]]:
        appearances, cells, told = {}, {}, []
        for name, found in brains.items():
            appearances[name] = tmp_path / f"{name}.json"
            write_json(found, appearances[name])
            for arm, table in classified().items():
                cells[name, arm] = tmp_path / f"{name}_{arm}.csv"
                write_table(table, cells[name, arm])
        out = tmp_path / "alarm.json"
        compare(brain, appearances, cells, ARMS, train, role, out, told.append, given=given)
        return read_json(out), told

    return run


def test_a_foreign_brain_is_told_of(compared):
    document, told = compared("new", ["a"], a=appearance(), new=appearance(brighter=25.0))
    assert document["alarm"] is True
    assert document["train_brains"] == ["a"]
    (said,) = told
    assert "brain new is unlike the train brains" in said
    assert "brightness" in said
    assert "Annotate what snakemake suggest (make suggest CONFIG=...) draws of it" in said


def test_of_a_brain_like_the_others_nothing_is_told(compared):
    document, told = compared("new", ["a"], a=appearance(), new=appearance(brighter=1.2))
    assert (document["alarm"], document["reasons"], told) == (False, [], [])


@pytest.mark.parametrize("given", [["new"], ["a", "b"]])
def test_candidates_of_another_source_raise_the_alarm(compared, given):
    """However alike the brains are: what detection misses in it no number shows."""
    brains = {name: appearance() for name in ("a", "b", "new")}
    document, (said,) = compared("new", ["a", "b"], given=given, **brains)
    assert (document["alarm"], document["raised"]) == (True, ["source"])
    assert "of another source" in said
    words = "from a file" if given == ["new"] else "detected here"
    assert document["reasons"][0].split(". ")[1].startswith(f"They are {words}")


@pytest.mark.parametrize("given", [["new", "a"], ["b"], ["new", "a", "b"]])
def test_candidates_of_a_source_that_a_train_brain_has_raise_none(compared, given):
    brains = {name: appearance() for name in ("a", "b", "new")}
    document, told = compared("new", ["a", "b"], given=given, **brains)
    assert (document["alarm"], told) == (False, [])


def test_a_train_brain_is_compared_with_the_others_alone(compared):
    """Beside itself it would be like the train brains whatever it is."""
    brains = {"a": appearance(), "b": appearance(), "odd": appearance(brighter=30.0)}
    document, (said,) = compared("odd", ["a", "b", "odd"], "train", **brains)
    assert document["train_brains"] == ["a", "b"]
    assert document["alarm"] is True
    assert "brain odd is unlike the other train brains" in said


def test_an_only_train_brain_is_compared_with_none(compared):
    document, told = compared("a", ["a"], a=appearance())
    assert (document["alarm"], document["train_brains"], told) == (None, [], [])


def test_a_brain_is_described_by_its_files(tmp_path):
    voxels = np.random.default_rng(0).poisson(300, (12, 60, 60)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "signal.tif", voxels)
    signal = Volume(da.from_array(voxels, chunks=(4, -1, -1)), (5, 2, 2), "made up")
    places = np.random.default_rng(1).uniform(10, 11, (20, 3))
    extract_cuboids(signal, None, places, (6, 9, 9), (5, 3, 3), tmp_path / "store")
    brain = Brain("mouse", str(tmp_path / "signal.tif"), (5.0, 2.0, 2.0))
    describe(brain, [tmp_path / "store"], tmp_path / "appearance.json")
    found = read_json(tmp_path / "appearance.json")
    assert found["tissue"]["intensity"] == pytest.approx(np.log(301), abs=0.02)
    assert found["candidates"]["number"] == 20
