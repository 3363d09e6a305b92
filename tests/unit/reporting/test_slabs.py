"""Slabs of planes for the page of a brain, and how good the planes are."""

import dask.array as da
import numpy as np
import pytest

from cellsift.errors import InputError
from cellsift.io.volumes import Volume
from cellsift.reporting import planes
from cellsift.reporting.plane_quality import quality_of
from cellsift.reporting.projecting import MOST_SLABS, project, project_brain
from cellsift.reporting.slabs import QUALITIES, load_slabs


def volume(voxels: np.ndarray, depth: int = 3) -> Volume:
    return Volume(da.from_array(voxels, chunks=(depth, -1, -1)), (5.0, 2.0, 2.0), "made up")


@pytest.fixture
def voxels() -> np.ndarray:
    return np.random.default_rng(0).normal(1000, 100, (60, 40, 50)).astype(np.uint16)


def of_plane(plane: np.ndarray) -> dict[str, float]:
    return dict(zip(QUALITIES, quality_of(plane[None])[0], strict=True))


def test_a_cell_is_seen_in_the_slab_of_its_planes_alone(voxels):
    voxels[31, 10, 20] = 60_000
    _, slabs = project(volume(voxels))
    assert len(slabs) == MOST_SLABS
    at = slabs.of_planes(np.array([31]))[0]
    assert slabs.edges[at] <= 31 < slabs.edges[at + 1]
    assert np.flatnonzero(slabs.pictures[:, 10, 20] == 255).tolist() == [at]


def test_every_plane_is_in_one_slab_also_of_thin_volumes(voxels):
    for depth in (1, 2, 23, 24, 25, 60):
        _, slabs = project(volume(voxels[:depth]))
        assert slabs.edges[0] == 0
        assert slabs.edges[-1] == depth
        assert (np.diff(slabs.edges) >= 1).all()
        numbers = np.arange(depth)
        at = slabs.of_planes(numbers)
        assert ((slabs.edges[at] <= numbers) & (numbers < slabs.edges[at + 1])).all()


def test_slabs_do_not_depend_on_how_the_volume_is_chunked_or_read(voxels, monkeypatch):
    _, made = project(volume(voxels))
    monkeypatch.setattr("cellsift.io.reading.LARGEST_READ", 5 * voxels[0].nbytes)
    for depth in (1, 7, 60):
        _, again = project(volume(voxels, depth))
        np.testing.assert_array_equal(again.pictures, made.pictures)
        np.testing.assert_array_equal(again.planes, made.planes)


def test_slabs_are_read_back_as_they_were_written(voxels, tmp_path):
    files = [tmp_path / "projection.npz", tmp_path / "slabs.npz"]
    project_brain(volume(voxels), volume(voxels // 2), files)
    again = load_slabs(files[1])
    assert again.planes.shape == (2, 60, len(QUALITIES))
    assert again.voxel_size == (5.0, 2.0, 2.0)
    assert again.bins == (1, 1)
    with pytest.raises(InputError, match="not a brain's slabs"):
        load_slabs(files[0])


def test_stripes_are_told_apart_from_cells_and_from_slow_changes_of_brightness():
    flat = np.full((200, 200), 100.0)
    striped = flat.copy()
    striped[::2] += 10
    assert of_plane(striped)["rows"] == pytest.approx(0.07, abs=0.03)
    assert of_plane(striped)["columns"] == 0
    cells = flat.copy()
    cells[::20, ::20] = 5000
    slope = flat + np.linspace(0, 50, 200)[:, None]
    for plane in (flat, cells, slope):
        assert of_plane(plane)["rows"] < 0.005


def test_a_saturated_channel_and_planes_out_of_line_are_told(voxels):
    _, fine = project(volume(voxels))
    assert planes.doubts(fine) == []
    voxels[:, :4, :4] = 4095
    voxels[20] //= 4
    _, slabs = project(volume(voxels))
    saturated, uneven = planes.doubts(slabs)
    assert "of the signal's voxels have its highest value, 4095" in saturated
    assert uneven.startswith("Plane 20 of the signal is much darker or brighter")


def test_a_volume_of_one_plane_and_an_empty_one_have_a_picture(voxels):
    for one in (voxels[:1], np.zeros((5, 20, 20), np.uint16)):
        _, slabs = project(volume(one))
        assert planes.draw(slabs).axes
        assert planes.doubts(slabs) == []
