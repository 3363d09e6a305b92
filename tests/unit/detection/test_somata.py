"""How large somata are, measured where they are annotated."""

import numpy as np
import pytest

from cellsift.detection.somata import HALF_WIDTH, Somata, measure_somata

SIZE = (5.0, 2.0, 2.0)


def spots(sigma_um, at, shape=(40, 80, 80), size=SIZE, noise=0.05, seed=1):
    """Log intensities with Gaussian spots of this width (z, y, x) in µm, as intensities."""
    grid = np.indices(shape).astype(float)
    log = np.random.default_rng(seed).normal(6, noise, shape)
    for centre in at:
        away = [(g - c) * s / w for g, c, s, w in zip(grid, centre, size, sigma_um, strict=True)]
        log += np.exp(-sum(d**2 for d in away) / 2)
    return np.exp(log)


AT = np.array([[z, y, x] for z in (10, 28) for y in (20, 60) for x in (20, 60)])


def test_width_and_depth_of_a_soma_are_those_that_were_drawn():
    somata = measure_somata([(spots((9.0, 6.0, 6.0), AT), AT)], SIZE)
    assert somata.diameter == pytest.approx(2 * HALF_WIDTH * 6, rel=0.12)
    assert somata.depth == pytest.approx(2 * HALF_WIDTH * 9, rel=0.12)
    assert somata.axial_blur == pytest.approx(np.sqrt(9**2 - 6**2), rel=0.2)


def test_somata_are_measured_in_micrometres_whatever_the_voxels_are():
    fine = measure_somata([(spots((6, 6, 6), AT, size=(2, 2, 2)), AT)], (2, 2, 2))
    scaled = measure_somata([(spots((6, 6, 6), AT, size=(2, 2, 2)), AT)], (0.2, 0.2, 0.2))
    assert scaled.diameter == pytest.approx(fine.diameter / 10)


def test_crops_of_a_brain_are_measured_together():
    whole = measure_somata([(spots((9, 6, 6), AT), AT)], SIZE)
    array = spots((9, 6, 6), AT)
    near, far = AT[AT[:, 0] == 10], AT[AT[:, 0] == 28]
    halves = measure_somata([(array[:20], near), (array[20:], far - [20, 0, 0])], SIZE)
    assert halves.diameter == pytest.approx(whole.diameter, rel=0.02)


def test_slow_trends_of_the_tissue_are_not_taken_for_the_soma():
    trend = np.exp(-np.abs(np.arange(40) - 19)[:, None, None] / 30)
    somata = measure_somata([(spots((9, 6, 6), AT) * trend, AT)], SIZE)
    assert somata.depth < 40


@pytest.mark.parametrize("at", [np.array([[5, 40, 40], [20, 40, 5]]), np.empty((0, 3))])
def test_where_nothing_is_bright_no_soma_is_measured(at):
    dark = spots((9, 6, 6), at, noise=0.0)
    assert measure_somata([(2 * dark.max() - dark, at)], SIZE) is None


def test_a_blur_along_z_makes_a_soma_deeper_and_is_found_again():
    somata = Somata.blurred(8.0, 5.0)
    assert somata.diameter == 8.0
    assert somata.axial_blur == pytest.approx(5.0)
    assert Somata(8.0, 7.0).axial_blur == 0.0


def test_of_a_single_plane_a_soma_is_as_deep_as_it_is_wide():
    at = np.array([[0, 20, 20], [0, 60, 60]])
    somata = measure_somata([(spots((6, 6, 6), at, shape=(1, 80, 80)), at)], SIZE)
    assert somata.depth == somata.diameter == pytest.approx(2 * HALF_WIDTH * 6, rel=0.15)
