"""One channel is not two, and brains of a run do not share what makes them brains of their own."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import tifffile

from cellsift.errors import InputError
from cellsift.io.cells import write_cells_xml
from cellsift.preflight.brain import check_brain
from cellsift.preflight.shared import check_brains, doubts_beside_others
from cellsift.project.reading import load_project
from cellsift.settings.brains import Brain

HEADER = [
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


@pytest.fixture
def voxels():
    return np.random.default_rng(3).integers(100, 4000, (12, 40, 36)).astype(np.uint16)


@pytest.fixture
def brain(tmp_path, voxels):
    """A brain of a signal and no background."""
    tifffile.imwrite(tmp_path / "s.tif", voxels, photometric="minisblack")
    detection = {"method": "cellfinder", "keep": None, "keep_dark_tiles": True}
    settings = {"detection": detection, "intensity_range": None}
    return Brain("b", str(tmp_path / "s.tif"), (5.0, 2.0, 2.0), settings=settings)


def test_the_signal_itself_is_no_background(brain, tmp_path, monkeypatch):
    """Whatever way leads to it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link.tif").symlink_to(brain.signal)
    for path in (brain.signal, "s.tif", f"{tmp_path}/../{tmp_path.name}/s.tif", "link.tif"):
        with pytest.raises(InputError, match=r"brain b, background: .* is the signal") as refusal:
            check_brain(dataclasses.replace(brain, background=path))
        assert "leave background empty" in str(refusal.value)


def test_a_copy_of_the_signal_is_no_background(brain, voxels, tmp_path):
    (tmp_path / "copy").mkdir()
    for z, plane in enumerate(voxels):
        tifffile.imwrite(tmp_path / "copy" / f"{z:03}.tif", plane, compression="zlib")
    with pytest.raises(InputError, match="is a copy of the signal"):
        check_brain(dataclasses.replace(brain, background=str(tmp_path / "copy")))


def test_another_channel_of_nearly_the_same_voxels_passes(brain, voxels, tmp_path):
    voxels[6, 0, 0] += 1
    tifffile.imwrite(tmp_path / "other.tif", voxels, photometric="minisblack")
    found = check_brain(dataclasses.replace(brain, background=str(tmp_path / "other.tif")))
    assert found["warnings"] == []


def test_a_channel_of_the_same_grey_values_elsewhere_passes(brain, voxels, tmp_path):
    tifffile.imwrite(tmp_path / "other.tif", voxels[:, ::-1], photometric="minisblack")
    check_brain(dataclasses.replace(brain, background=str(tmp_path / "other.tif")))


def test_channels_that_are_blank_where_looked_are_not_called_copies(brain, tmp_path):
    dark = np.full((12, 40, 36), 100, np.uint16)
    for name, plane in (("s.tif", 4), ("b.tif", 5)):
        dark[:] = 100
        dark[plane, 9, 9] = 500
        tifffile.imwrite(tmp_path / name, dark, photometric="minisblack")
    check_brain(dataclasses.replace(brain, background=str(tmp_path / "b.tif")))


@pytest.fixture
def project(tmp_path, voxels, monkeypatch):
    """A function that reads the project of brains (name, role, signal, background, cells)."""
    monkeypatch.chdir(tmp_path)
    for number, name in enumerate(("one", "two", "three")):
        tifffile.imwrite(f"{name}.tif", voxels + number, photometric="minisblack")
        points = np.random.default_rng(number).uniform(0, 30, (20, 3))
        pd.DataFrame(points, columns=["z", "y", "x"]).to_csv(f"{name}.csv", index=False)

    def read(*rows, **config):
        lines = ["\t".join(HEADER)]
        for name, role, signal, background, cells, *non_cells in rows:
            paths = [cells, *non_cells, *[""] * (1 - len(non_cells))]
            lines.append("\t".join([name, role, signal, background, "5", "2", "2", *paths]))
        (tmp_path / "t.tsv").write_text("\n".join(lines) + "\n")
        return load_project({"brains_table": "t.tsv", "arms": ["features"]} | config)

    return read


def test_brains_of_their_own_are_not_commented_on(project):
    found = project(
        ("a", "train", "one.tif", "", "one.csv"), ("b", "test", "two.tif", "", "two.csv")
    )
    check_brains(found)
    assert doubts_beside_others(found, "a") == doubts_beside_others(found, "b") == []


@pytest.mark.parametrize("copied", [False, True])
def test_one_annotation_for_a_train_and_a_test_brain_is_refused(project, tmp_path, copied):
    cells = "one.csv"
    if copied:
        cells = "copy.csv"
        (tmp_path / cells).write_bytes((tmp_path / "one.csv").read_bytes())
    rows = ("a", "train", "one.tif", "", "one.csv"), ("b", "{}", "two.tif", "", cells)
    with pytest.raises(InputError, match=r"'a' \(train\) and 'b' \(test\) have the same annot"):
        check_brains(project(rows[0], ("b", "test", *rows[1][2:])))
    # Of one role it may be meant, as for two channels of one brain, but is told.
    both = project(rows[0], ("b", "train", *rows[1][2:]))
    check_brains(both)
    assert "have the same annotation" in doubts_beside_others(both, "b")[0]


@pytest.mark.parametrize("change", ["shuffled", "xml", "columns", "line ends", "edited"])
def test_one_annotation_is_known_in_whatever_form(project, tmp_path, change):
    points = pd.read_csv("one.csv").round()
    points.to_csv("one.csv", index=False)
    shuffled = points.sample(frac=1, random_state=0)
    if change == "xml":
        write_cells_xml(shuffled.assign(is_cell=True), tmp_path / "same.xml")
    elif change == "line ends":
        (tmp_path / "same.csv").write_bytes(points.to_csv(lineterminator="\r\n").encode())
    elif change == "edited":
        pd.concat([points[3:] + 0.25, points[:3] + [7, 0, 0]]).to_csv("same.csv", index=False)
    else:
        columns = ["x", "y", "z"] if change == "columns" else ["z", "y", "x"]
        shuffled[columns].to_csv("same.csv", index=False)
    (same,) = tmp_path.glob("same.*")
    rows = ("a", "train", "one.tif", "", "one.csv"), ("b", "test", "two.tif", "", same.name)
    with pytest.raises(InputError, match=r"same annotation, one.csv and same.* \(the same posit"):
        check_brains(project(*rows))


def test_copies_of_a_volume_are_told(project, tmp_path):
    (tmp_path / "copy.tif").write_bytes((tmp_path / "one.tif").read_bytes())
    found = project(
        ("a", "train", "one.tif", "", "one.csv"), ("b", "test", "copy.tif", "", "two.csv")
    )
    assert "look like copies of one volume" in doubts_beside_others(found, "b")[0]


def test_a_background_that_is_another_brains_signal_is_told(project):
    found = project(
        ("a", "train", "one.tif", "two.tif", "one.csv"),
        ("b", "predict", "three.tif", "one.tif", ""),
    )
    assert doubts_beside_others(found, "a") == []
    assert "its background one.tif is the signal of brain a" in doubts_beside_others(found, "b")[0]


def test_too_few_annotated_cells_for_the_folds_are_refused(project, tmp_path):
    (tmp_path / "few.csv").write_text("z,y,x\n" + "".join(f"1,2,{x}\n" for x in range(14)))
    (tmp_path / "none.csv").write_text("z,y,x\n")
    with pytest.raises(InputError, match=r"have 14 annotated cells, but 3 folds need at least 5"):
        check_brains(project(("a", "train", "one.tif", "", "few.csv")))
    with pytest.raises(InputError, match="have 0 annotated cells"):
        check_brains(project(("a", "train", "one.tif", "", "none.csv")))
    with pytest.raises(InputError, match=r"have 14 annotated artefacts"):
        check_brains(project(("a", "train", "one.tif", "", "one.csv", "few.csv")))
    check_brains(project(("a", "train", "one.tif", "", "few.csv"), training={"folds": 2}))
    # Together they have enough.
    rows = ("a", "train", "one.tif", "", "few.csv"), ("b", "train", "two.tif", "", "two.csv")
    check_brains(project(*rows))


def test_test_brains_without_any_annotated_cell_are_refused(project, tmp_path):
    (tmp_path / "none.csv").write_text("z,y,x\n")
    train = ("a", "train", "one.tif", "", "one.csv")
    empty = ("b", "test", "two.tif", "", "none.csv")
    with pytest.raises(InputError, match=r"no test brain \(b\) has an annotated cell: none\.csv"):
        check_brains(project(train, empty))
    # Beside one with cells it may be a control, and of role predict nothing is measured on it.
    check_brains(project(train, empty, ("c", "test", "three.tif", "", "two.csv")))
    check_brains(project(train, ("b", "predict", *empty[2:])))


def test_what_cannot_be_read_is_left_to_preflight(project, tmp_path):
    (tmp_path / "broken.csv").write_text("a,b\n1,2\n")
    found = project(
        ("a", "train", "nowhere.tif", "", "broken.csv"), ("b", "test", "gone", "", "absent.csv")
    )
    check_brains(found)
    assert doubts_beside_others(found, "a") == []
