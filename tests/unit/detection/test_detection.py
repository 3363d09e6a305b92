"""Detectors: their parameters, and the dog detector on made-up volumes."""

import subprocess
import sys

import dask.array as da
import numpy as np
import pandas as pd
import pytest
from scipy.ndimage import gaussian_filter

from cellsift.detection import (
    check_parameters,
    create_detector,
    detect,
    detector_defaults,
    detector_parameters,
    gather,
    list_detectors,
)
from cellsift.detection.brightness import BRIGHTNESS_STEPS
from cellsift.detection.contrast import contrast_at, filtered, maxima, measure
from cellsift.errors import InputError
from cellsift.io.volumes import Volume

VOXEL_SIZE = (6.0, 2.0, 2.0)
COLUMNS = ["z", "y", "x", "contrast"]


def volume_of(voxels: np.ndarray, voxel_size=VOXEL_SIZE) -> Volume:
    return Volume(da.from_array(voxels), voxel_size, "made-up volume")


def with_blobs(centres, shape=(20, 60, 60), voxel_size=VOXEL_SIZE, height=2000.0, seed=0):
    """Noise at 1000 with Gaussian blobs of 3 µm at the centres (voxels z, y, x)."""
    voxels = np.zeros(shape)
    for centre in centres:
        voxels[tuple(centre)] = 1.0
    voxels = gaussian_filter(voxels, [3.0 / size for size in voxel_size], mode="constant")
    voxels = 1000 + height * voxels / voxels.max()
    noise = np.random.default_rng(seed).normal(0, 10, shape)
    return volume_of((voxels + noise).clip(0, 65535).astype(np.uint16), voxel_size)


def of_noise(shape=(12, 70, 45), seed=1) -> Volume:
    """Few grey values, so that equal maxima occur, and two saturated plateaus."""
    rng = np.random.default_rng(seed)
    voxels = rng.integers(100, 104, shape).astype(np.uint16)
    voxels[3:6, 10:16, 10:16] = 300
    voxels[7, 40:60, 20:24] = 300
    return volume_of(voxels)


def test_both_detectors_are_listed_with_every_parameter_described():
    assert list_detectors() == ["cellfinder", "dog"]
    for method in list_detectors():
        described = detector_parameters(method)
        assert described.keys() == detector_defaults(method).keys()
        assert all(len(text) > 20 for text in described.values())


def test_defaults_are_valid_parameters():
    for method in list_detectors():
        defaults = detector_defaults(method)
        assert check_parameters(method, **defaults) == defaults


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"soma": 8}, "it knows .*soma_diameter"),
        ({"soma_diameter": 0}, "above 0"),
        ({"soma_diameter": -8}, "above 0"),
        ({"soma_diameter": "8"}, "a number"),
        ({"soma_diameter": True}, "a number"),
        ({"soma_diameter": None}, "empty"),
        ({"soma_diameter": float("nan")}, "finite"),
        ({"slab_planes": 2.5}, "whole number"),
        ({"slab_planes": 0}, "at least 1"),
        ({"axial_blur": -1}, "at least 0"),
    ],
)
def test_bad_parameters_are_refused_with_what_to_change(given, said):
    with pytest.raises(InputError, match=said):
        check_parameters("dog", **given)


def test_switches_take_only_true_and_false():
    with pytest.raises(InputError, match="true or false"):
        check_parameters("cellfinder", keep_dark_tiles=1)


def test_an_unknown_detector_is_refused_with_the_known_ones():
    with pytest.raises(InputError, match="cellfinder, dog"):
        detector_defaults("watershed")


def test_gaussians_must_differ_in_the_right_direction():
    with pytest.raises(InputError, match="sigma_large"):
        detect(of_noise(), "dog", sigma_small=6.0, sigma_large=3.0)


def test_blobs_are_found_where_they_are_and_lead_the_ranking():
    centres = [(5, 15, 15), (5, 15, 45), (12, 30, 30), (17, 50, 8)]
    table = detect(with_blobs(centres), "dog")
    assert list(table.columns) == COLUMNS
    best = table.nlargest(len(centres), "contrast")
    assert sorted(map(tuple, best[["z", "y", "x"]].to_numpy())) == sorted(centres)
    others = table.drop(best.index)
    assert not (others["contrast"] > best["contrast"].min() / 5).any()


def test_blobs_at_the_border_of_the_volume_are_found():
    centres = [(0, 0, 0), (19, 59, 59), (0, 30, 59)]
    best = detect(with_blobs(centres), "dog").nlargest(3, "contrast")
    assert sorted(map(tuple, best[["z", "y", "x"]].to_numpy())) == sorted(centres)


def test_lengths_are_micrometres_whatever_the_voxels():
    """Blobs 12 µm apart are two, and 4 µm apart one, along each axis and for any voxel size."""
    for voxel_size in [(6.0, 2.0, 2.0), (2.0, 2.0, 2.0), (2.0, 4.0, 1.0)]:
        for axis in range(3):
            for gap, expected in [(16.0, 2), (4.0, 1)]:
                first = np.array([32, 32, 32])
                second = first.copy()
                second[axis] += max(1, round(gap / voxel_size[axis]))
                if gap < voxel_size[axis]:
                    continue
                volume = with_blobs([first, second], (64, 64, 64), voxel_size)
                strong = detect(volume, "dog", axial_blur=0, minimum_contrast=0.2)
                assert len(strong) == expected, (voxel_size, axis, gap)


def test_contrast_does_not_depend_on_gain():
    volume = with_blobs([(5, 15, 15), (12, 30, 30)], height=3000)
    brighter = volume_of(volume.planes(0, 20) * 4)
    table, same = detect(volume, "dog", minimum_contrast=0.3), detect(brighter, "dog")
    same = same[same["contrast"] >= 0.3].reset_index(drop=True)
    np.testing.assert_allclose(table.to_numpy(), same.to_numpy(), rtol=2e-3)


@pytest.mark.parametrize("slabs", [2, 3, 7, 12])
@pytest.mark.parametrize("tile_side", [1000, 13])
def test_any_cutting_finds_the_same_bit_for_bit(slabs, tile_side):
    volume = of_noise()
    scale = create_detector("dog").scale(volume.voxel_size)
    asked = np.array([[11.2, 69, 0], [3.4, 12.6, 13.5], [0, 0, 44]])
    depth = volume.shape[0]
    undivided = measure(volume, scale, asked, slab_planes=depth, tile_side=1000)
    cut = measure(volume, scale, asked, slab_planes=-(-depth // slabs), tile_side=tile_side)
    assert len(undivided[0].positions) > 20
    for whole, parts in zip(undivided, cut, strict=True):
        np.testing.assert_array_equal(whole.positions, parts.positions)
        np.testing.assert_array_equal(whole.difference, parts.difference)
        np.testing.assert_array_equal(whole.surroundings, parts.surroundings)


def test_slabs_of_one_plane_give_the_same_table():
    volume = of_noise()
    assert detect(volume, "dog", slab_planes=1).equals(detect(volume, "dog"))
    # A whole number is one in YAML with a decimal point, too.
    assert detect(volume, "dog", slab_planes=2.0).equals(detect(volume, "dog"))


def test_the_result_is_sorted_and_the_same_on_every_run():
    first, second = detect(of_noise(), "dog"), detect(of_noise(), "dog")
    assert first.equals(second)
    assert first.equals(first.sort_values(["z", "y", "x"], ignore_index=True))
    assert not first.duplicated(["z", "y", "x"]).any()


def test_of_equal_maxima_within_a_window_only_the_first_stays():
    values = np.zeros((3, 9, 20), np.float32)
    values[1, 4, 4:7] = 1.0
    values[1, 4, 15] = 1.0
    assert maxima(values, (1, 2, 2)).tolist() == [[1, 4, 4], [1, 4, 15]]


def test_no_two_candidates_share_a_window():
    volume = of_noise(seed=5)
    scale = create_detector("dog").scale(volume.voxel_size)
    positions = measure(volume, scale)[0].positions
    apart = np.abs(positions[:, None] - positions[None]) > np.array(scale.reach)
    assert (apart.any(axis=2) | np.eye(len(positions), dtype=bool)).all()


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 5, 5), (3, 20, 20)])
def test_small_and_even_volumes_give_an_empty_table_with_the_columns(shape):
    table = detect(volume_of(np.full(shape, 7, np.uint16)), "dog")
    assert list(table.columns) == COLUMNS
    assert len(table) == 0
    assert (table.dtypes == np.float64).all()


def test_eight_bit_volumes_work_and_saturate_without_wrapping():
    voxels = np.full((9, 40, 40), 20, np.uint8)
    voxels[3:6, 18:22, 18:22] = 255
    best = detect(volume_of(voxels), "dog").nlargest(1, "contrast")
    assert np.abs(best[["z", "y", "x"]].to_numpy()[0] - [4, 19.5, 19.5]).max() <= 1


def test_an_empty_margin_does_not_change_the_contrast_of_tissue():
    volume = with_blobs([(5, 15, 15), (12, 30, 30), (14, 44, 20)])
    rng = np.random.default_rng(2)
    wide = rng.integers(0, 3, (20, 60, 400)).astype(np.uint16)
    wide[:, :, :60] = volume.planes(0, 20)
    table = detect(volume, "dog", minimum_contrast=0.3)
    wide_table = detect(volume_of(wide), "dog", minimum_contrast=0.3)
    inner = wide_table[wide_table["x"] < 50].reset_index(drop=True)
    np.testing.assert_allclose(inner.to_numpy(), table.to_numpy(), rtol=0.05)


def test_of_too_many_candidates_the_highest_stay_however_they_were_gathered():
    rng = np.random.default_rng(0)
    weighted = rng.permutation(np.repeat(np.arange(1.0, 51.0), 2))
    positions = np.arange(300).reshape(100, 3)
    one = np.bincount([3000], minlength=BRIGHTNESS_STEPS)

    def gathered(parts: int, most: int) -> pd.DataFrame:
        pieces = [
            {"positions": positions[rows], "weighted": weighted[rows], "brightness": one}
            for rows in np.array_split(np.arange(100), parts)
        ]
        return gather(pieces, "dog", minimum_contrast=0, most_candidates=most)

    everything = gathered(1, 100)
    assert len(everything) == 100
    for most, stay in ((100, 100), (20, 20), (21, 20), (1, 0)):
        lowest = np.sort(everything["contrast"].to_numpy())[100 - stay :].min(initial=np.inf)
        for parts in (1, 7, 100):
            wanted = everything[everything["contrast"] >= lowest].reset_index(drop=True)
            pd.testing.assert_frame_equal(gathered(parts, most), wanted)


def test_minimum_contrast_drops_the_rest_and_nothing_else():
    volume = of_noise()
    everything = detect(volume, "dog", minimum_contrast=0)
    some = detect(volume, "dog", minimum_contrast=0.01)
    kept = everything[everything["contrast"] >= 0.01].reset_index(drop=True)
    assert 0 < len(some) < len(everything)
    assert some.equals(kept)


def test_contrast_at_a_candidate_is_the_candidates_own():
    volume = with_blobs([(5, 15, 15), (12, 30, 30)])
    table = detect(volume, "dog")
    shuffled = table.sample(frac=1, random_state=0)
    found = contrast_at(volume, shuffled[["z", "y", "x"]].to_numpy(), 8.0)
    np.testing.assert_array_equal(found, shuffled["contrast"])


def test_the_difference_is_that_of_two_gaussians_of_log1p():
    volume = with_blobs([(5, 15, 15)])
    scale = create_detector("dog", sigma_small=3, sigma_large=6, axial_blur=3).scale(
        volume.voxel_size
    )
    difference, _ = filtered(volume.planes(0, 20), scale)
    log = np.log1p(volume.planes(0, 20).astype(float))
    blur = 3.0
    wide = [np.hypot(6, blur) / 6, 3, 3]
    narrow = [np.hypot(3, blur) / 6, 1.5, 1.5]
    expected = gaussian_filter(log, narrow, mode="nearest") - gaussian_filter(
        log, wide, mode="nearest"
    )
    np.testing.assert_allclose(difference, expected, atol=1e-5)


def test_lengths_that_are_not_given_follow_the_soma():
    size = (0.5, 0.2, 0.2)
    small, large = (create_detector("dog", soma_diameter=soma).scale(size) for soma in (2, 20))
    assert large.sigma_small == pytest.approx([10 * s for s in small.sigma_small])
    assert large.sigma_large == pytest.approx([10 * s for s in small.sigma_large])
    given = create_detector("dog", soma_diameter=2, axial_blur=0).scale(size)
    assert given.sigma_small[0] < small.sigma_small[0]
    assert given.sigma_small[1:] == small.sigma_small[1:]


def test_rules_ask_for_parameters_without_loading_a_detector():
    """Every job of a cluster reads the rules, twice."""
    check = (
        "import sys; from cellsift.detection import check_parameters, measures_contrast_apart; "
        "check_parameters('dog'); measures_contrast_apart('cellfinder'); "
        "heavy = {'numpy', 'pandas', 'scipy', 'zarr', 'dask', 'torch', 'cellfinder'}; "
        "sys.exit(not heavy.isdisjoint(sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
