"""A path is followed as a shell would, and one that leads nowhere is told what may be wrong."""

import pytest
import tifffile

from cellsift.errors import InputError
from cellsift.io.cells import read_points
from cellsift.io.paths import hint
from cellsift.io.volumes import kind_of
from cellsift.project.reading import load_project


def test_a_tilde_is_the_home_folder_in_table_and_config(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    columns = [
        "brain",
        "role",
        "signal",
        "background",
        "voxel_z",
        "voxel_y",
        "voxel_x",
        "cells",
        "non_cells",
    ]
    row = ["b", "train", "~/s.tif", "~/b.tif", "5", "2", "2", "~/c.csv", "~/n.csv"]
    (tmp_path / "t.tsv").write_text("\t".join(columns) + "\n" + "\t".join(row) + "\n")
    config = {"brains_table": "~/t.tsv", "arms": ["features"], "results": "~/results"}
    config["annotation"] = {"folder": "~/labelled"}
    project = load_project(config)
    assert project.config.results == f"{tmp_path}/results"
    assert project.config.annotation.folder == f"{tmp_path}/labelled"
    brain = project.brains["b"]
    found = [brain.signal, brain.background, brain.cells, brain.non_cells]
    assert found == [f"{tmp_path}/{name}" for name in ("s.tif", "b.tif", "c.csv", "n.csv")]


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("~/s.tif", "~ stands for a home folder"),
        ("/data/~/s.tif", "~ stands for a home folder"),
        ("$HOME/s.tif", "Variables"),
        ("${DATA}/s.tif", "Variables"),
        ("%USERPROFILE%/s.tif", "Variables"),
        ("C:\\Users\\me\\s.tif", "path of Windows"),
        ("data\\s.tif", "path of Windows"),
        ("D:/data/s.tif", "path of Windows"),
        ("\\\\server\\share\\s.tif", "path of Windows"),
        ("file:///data/s.tif", "file:// address"),
        ("'/data/s.tif'", "quotes"),
        ("/data/s.tif ", "space"),
        ("/data/brain\\ 1/s.tif", "write the space alone"),
        ("/data/planes/*.tif", "give the folder of the planes"),
        ("\u201c/data/s.tif\u201d", "quotes"),
    ],
)
def test_a_path_that_leads_nowhere_is_told_what_may_be_wrong(path, said):
    with pytest.raises(InputError, match=said):
        kind_of(path)
    with pytest.raises(InputError, match=said):
        read_points(path)


@pytest.mark.parametrize("path", ["/data/brain 1/s.tif", "a/b_50%.tif", "x.tif", "/data/a$.tif"])
def test_ordinary_paths_are_not_commented_on(path):
    assert hint(path) == ""


def test_a_folder_that_is_called_so_is_opened(tmp_path):
    (tmp_path / "~").mkdir()
    tifffile.imwrite(tmp_path / "~" / "s.tif", [[1]], dtype="uint16")
    assert kind_of(tmp_path / "~" / "s.tif") == "stack"
