"""What is looked up in a brain for the page of detection."""

import dask.array as da
import numpy as np
import pandas as pd
import pytest
from scipy.ndimage import gaussian_filter

from cellsift.detection import UNLIMITED, check_parameters, detect
from cellsift.errors import InputError
from cellsift.io.volumes import Volume
from cellsift.reporting.detection_viewing import look_at_detection
from cellsift.reporting.detection_views import KEYS, load_views, save_views
from cellsift.reporting.local_contrast import contrast_at_cells, scale_of

SIZE, SHAPE = (5.0, 2.0, 2.0), (40, 120, 140)
DOG = {"method": "dog", **check_parameters("dog", soma_diameter=10, minimum_contrast=0.25)}


@pytest.fixture(scope="module")
def cells() -> pd.DataFrame:
    """Cells on a grid, the first ten of them faint."""
    grid = np.stack(np.meshgrid([6, 17, 28], range(15, 110, 18), range(15, 130, 18)), -1)
    rows = np.random.default_rng(0).permutation(grid.reshape(-1, 3))
    return pd.DataFrame(rows, columns=list("zyx")).astype(float)


@pytest.fixture(scope="module")
def volume(cells) -> Volume:
    voxels = np.full(SHAPE, 0.0)
    z, y, x = cells.to_numpy(int).T
    voxels[z, y, x] = np.where(np.arange(len(cells)) < 10, 1, 20) * 6000.0
    voxels = np.random.default_rng(1).poisson(gaussian_filter(voxels, (1, 2, 2)) + 1000)
    return Volume(da.from_array(voxels.astype(np.uint16), chunks=(8, -1, -1)), SIZE, "made up")


@pytest.fixture(scope="module")
def candidates(volume) -> pd.DataFrame:
    return detect(volume, **DOG)


@pytest.fixture(scope="module")
def shown(volume, candidates, cells):
    return look_at_detection(volume, candidates, cells, DOG, 10.0)


def test_faint_cells_are_missed_and_shown_to_be_faint(shown):
    assert not shown.found[:10].any()
    assert shown.found[10:].all()
    assert shown.cell_contrast[:10].max() < 0.25 < shown.cell_contrast[10:].min()


def test_a_picture_is_the_brightest_voxel_of_its_place(shown, volume):
    assert len(shown.places) == 6
    for place, picture in zip(shown.places, shown.pictures, strict=True):
        box = tuple(slice(a, a + n) for a, n in zip(place.corner, place.size, strict=True))
        assert (picture == volume.data[box].max(axis=0).compute()).all()
    # A soma or two thick.
    assert shown.size[0] * SIZE[0] <= 2 * DOG["soma_diameter"]


def test_every_candidate_counts_in_the_histogram_and_those_in_places_are_drawn(shown, candidates):
    assert shown.with_cell.sum() == shown.found.sum()
    assert shown.with_cell.sum() + shown.without_cell.sum() == len(candidates)
    inside = sum(place.holds(candidates[list("zyx")].to_numpy()) for place in shown.places)
    assert len(shown.candidates) == (inside > 0).sum()


def test_the_contrast_at_a_cell_is_that_of_a_candidate_there(volume, candidates):
    """So that both can stand over one axis, with the threshold."""
    at = candidates[list("zyx")].to_numpy()
    contrast = candidates["contrast"].to_numpy()
    args = volume, scale_of(DOG, SIZE), at, at, contrast, UNLIMITED
    np.testing.assert_allclose(contrast_at_cells(*args), contrast, rtol=1e-3)
    # Of a volume too large to be filtered whole some slabs are, and give the same.
    plane = SHAPE[1] * SHAPE[2]
    halo = scale_of(DOG, SIZE).halo[0]
    some = contrast_at_cells(*args, most_voxels=plane * min(4 * halo, SHAPE[0] - 1))
    measured = np.isfinite(some)
    assert 0 < measured.sum() < len(some)
    np.testing.assert_allclose(some[measured], contrast[measured], rtol=1e-3)


def test_cellfinder_measures_contrast_by_its_soma(volume, cells):
    given = check_parameters("cellfinder", soma_diameter=10)
    found = detect(volume, "cellfinder", n_sds_above_mean_thresh=3, soma_diameter=10)
    at, contrast = found[list("zyx")].to_numpy(), found["contrast"].to_numpy()
    assert len(found) > 20
    scale = scale_of({"method": "cellfinder", **given}, SIZE)
    measured = contrast_at_cells(volume, scale, at, at, contrast, UNLIMITED)
    np.testing.assert_allclose(measured, contrast, rtol=1e-3)


def test_in_a_partly_annotated_brain_no_place_is_shown_for_candidates_without_a_cell(
    volume, candidates, cells
):
    seen = look_at_detection(volume, candidates, cells[:20], DOG, 10.0, partial=True)
    assert "most without a cell" not in seen.kinds
    assert "most without a cell" in look_at_detection(volume, candidates, cells[:20], DOG, 10).kinds


@pytest.mark.parametrize("kept", [slice(0), slice(1)])
@pytest.mark.parametrize("annotated", [slice(0), slice(None)])
def test_nothing_to_show_is_no_fault(volume, candidates, cells, kept, annotated, tmp_path):
    seen = look_at_detection(volume, candidates[kept], cells[annotated], DOG, 10.0)
    assert len(seen.pictures) == len(seen.places)
    save_views(seen, tmp_path / "views.npz")
    assert load_views(tmp_path / "views.npz").places == seen.places


def test_views_are_read_as_they_were_written_and_nothing_else_is(shown, tmp_path):
    path = tmp_path / "views.npz"
    save_views(shown, path)
    again = load_views(path)
    for key in KEYS:
        np.testing.assert_array_equal(getattr(again, key), getattr(shown, key))
    np.savez(path, shape=1)
    with pytest.raises(InputError, match=r"views.npz: not views of detection .* delete it"):
        load_views(path)
    with pytest.raises(InputError, match="no such file"):
        load_views(tmp_path / "absent.npz")
