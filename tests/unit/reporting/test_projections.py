"""Projections of a brain: the brightest voxels, in bounded memory, kept whole."""

import dask.array as da
import numpy as np
import pytest

from cellsift.errors import InputError
from cellsift.io.volumes import Volume
from cellsift.reporting.projecting import project, project_brain
from cellsift.reporting.projections import load_projection


def volume(voxels: np.ndarray, depth: int = 3) -> Volume:
    data = da.from_array(voxels, chunks=(depth, -1, -1))
    return Volume(data, (5.0, 2.0, 2.0), "made up")


@pytest.fixture
def voxels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 60_000, (11, 23, 30), dtype=np.uint16)


def test_projection_is_the_brightest_voxel_however_the_volume_is_chunked(voxels, monkeypatch):
    made, _ = project(volume(voxels))
    np.testing.assert_array_equal(made.top[0], voxels.max(axis=0))
    np.testing.assert_array_equal(made.front[0], voxels.max(axis=1))
    assert made.size_um == (55.0, 46.0, 60.0)
    monkeypatch.setattr("cellsift.io.reading.LARGEST_READ", 2**11)
    for depth in (1, 4, 11):
        again, _ = project(volume(voxels, depth))
        np.testing.assert_array_equal(again.top, made.top)
        np.testing.assert_array_equal(again.front, made.front)


def test_projection_is_read_in_slabs_of_bounded_size(voxels, monkeypatch):
    read = []
    planes = Volume.planes
    monkeypatch.setattr(
        Volume, "planes", lambda self, a, b: read.append(b - a) or planes(self, a, b)
    )
    monkeypatch.setattr("cellsift.io.reading.LARGEST_READ", 2 * voxels[0].nbytes)
    project(volume(voxels, depth=1))
    assert max(read) <= 2
    assert sum(read) == len(voxels)


def test_a_single_bright_voxel_survives_shrinking():
    voxels = np.zeros((7, 50, 61), np.uint16)
    voxels[3, 49, 60] = 900
    made, _ = project(volume(voxels), largest_side=10)
    assert made.bins == (1, 5, 7)
    assert made.top.shape == (1, 10, 9)
    assert made.top[0, -1, -1] == 900
    assert made.front[0, 3, -1] == 900


def test_projection_is_read_back_as_it_was_written(voxels, tmp_path):
    made, _ = project(volume(voxels), volume(voxels // 2))
    files = [tmp_path / "projection.npz", tmp_path / "slabs.npz"]
    project_brain(volume(voxels), volume(voxels // 2), files)
    again = load_projection(tmp_path / "projection.npz")
    np.testing.assert_array_equal(again.top, made.top)
    assert again.top.shape == (2, 23, 30)
    assert (again.shape, again.voxel_size, again.bins) == (made.shape, made.voxel_size, made.bins)


def test_other_files_are_no_projections(voxels, tmp_path):
    with pytest.raises(InputError, match="there is no such file"):
        load_projection(tmp_path / "missing.npz")
    (tmp_path / "text.npz").write_text("no archive")
    np.savez(tmp_path / "other.npz", top=np.zeros(3))
    np.savez(
        tmp_path / "code.npz",
        **dict.fromkeys(
            ("top", "front", "shape", "voxel_size", "bins"), np.array([print], dtype=object)
        ),
    )
    for name in ("text", "other", "code"):
        with pytest.raises(InputError, match=f"{name}.npz: not a projection"):
            load_projection(tmp_path / f"{name}.npz")
    with pytest.raises(InputError, match="of the same shape"):
        project(volume(voxels), volume(voxels[1:]))
