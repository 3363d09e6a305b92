"""How candidates look does not depend on a brain's brightness, nor on how much of it is empty."""

import dask.array as da
import numpy as np
import pandas as pd
import pytest

from cellsift.appearance.brain import describe_brain
from cellsift.appearance.candidates import candidates_per_mm3
from cellsift.appearance.features import FEATURES, OF_BACKGROUND, measure_cuboids
from cellsift.cuboids.extraction import extract_cuboids
from cellsift.cuboids.store import CuboidStore
from cellsift.io.json_files import write_json
from cellsift.io.volumes import Volume

SIZE = (5.0, 2.0, 2.0)
SHAPE = (12, 25, 25)


def spots(radius_um: float, bright: float = 2000.0, stretch: float = 1.0, count: int = 8):
    """Cuboids (n, 1, z, y, x) with a round spot in their middle, `stretch` times as long in z."""
    z, y, x = ((np.arange(n) - (n - 1) / 2) * step for n, step in zip(SHAPE, SIZE, strict=True))
    squared = (z[:, None, None] / stretch) ** 2 + y[:, None] ** 2 + x**2
    spot = bright * np.exp(-squared / (2 * radius_um**2))
    noise = np.random.default_rng(0).normal(0, 5, (count, 1, *SHAPE))
    return np.clip(1000 + spot + noise, 0, 65535).astype(np.uint16)


def middle(cuboids: np.ndarray) -> pd.Series:
    return measure_cuboids(cuboids, SIZE).median()


def test_features_are_those_of_the_table():
    one = spots(6)
    assert list(measure_cuboids(one, SIZE)) == list(FEATURES)
    both = np.concatenate([one, one], axis=1)
    assert list(measure_cuboids(both, SIZE)) == [*FEATURES, *OF_BACKGROUND]
    assert list(measure_cuboids(one[:0], SIZE)) == list(FEATURES)


def test_twice_the_light_changes_no_feature():
    once, twice = middle(spots(6)), middle(2 * spots(6))
    assert np.allclose(once, twice, atol=0.02)


def test_a_brighter_spot_has_more_contrast_and_a_larger_one_more_extent():
    dim, bright, large = middle(spots(6, 500)), middle(spots(6, 4000)), middle(spots(12))
    for name in ("centre", "peak", "contrast_medium", "deviation", "edge"):
        assert bright[name] > 1.5 * dim[name], name
    for name in ("extent_z", "extent_plane", "size"):
        assert large[name] > 1.2 * middle(spots(6))[name], name


def test_what_is_stretched_along_z_is_long_there_alone():
    ball, rod = middle(spots(5)), middle(spots(5, stretch=2.5))
    assert rod["extent_z"] > 1.3 * ball["extent_z"]
    assert rod["extent_plane"] == pytest.approx(ball["extent_plane"], rel=0.2)


def test_correlation_tells_whether_the_channels_show_the_same():
    one, other = spots(6), spots(6, bright=0)[:, :, ::-1]
    same = measure_cuboids(np.concatenate([one, one], axis=1), SIZE)["correlation"]
    apart = measure_cuboids(np.concatenate([one, other], axis=1), SIZE)["correlation"]
    assert same.min() > 0.99
    assert apart.abs().max() < 0.2


def test_a_cuboid_is_measured_alike_beside_any_others():
    many = np.concatenate([spots(r, count=30) for r in (4, 6, 9)])
    alone = measure_cuboids(many[70:72], SIZE)
    assert np.allclose(measure_cuboids(many, SIZE).iloc[70:72], alone, atol=1e-5)


def test_a_cuboid_of_a_few_voxels_is_measured():
    few = np.random.default_rng(0).integers(0, 3000, (5, 2, 1, 3, 3)).astype(np.uint16)
    assert np.isfinite(measure_cuboids(few, SIZE)).all(axis=None)


def test_the_density_is_that_where_candidates_lie():
    """100 by chance in a cube of 0.1 mm, in a volume of which the rest is empty."""
    places = np.random.default_rng(0).uniform(0, 100, (3000, 3)) / SIZE
    found = candidates_per_mm3(places, SIZE, (20, 50, 50))
    assert found == pytest.approx(3e6, rel=0.15)
    assert candidates_per_mm3(places, SIZE, (200, 5000, 5000)) == found


@pytest.mark.parametrize("count", [0, 1, 8, 9])
def test_few_candidates_have_a_density_too(count):
    places = np.random.default_rng(0).uniform(0, 40, (count, 3))
    assert 0 < candidates_per_mm3(places, SIZE, (40, 400, 400)) < 1e6


def test_a_brain_is_described_alike_however_its_cuboids_are_divided(tmp_path):
    random = np.random.default_rng(0)
    voxels = random.poisson(300, (30, 90, 100)).astype(np.uint16)
    signal, background = (
        Volume(da.from_array(v, chunks=(5, -1, -1)), SIZE, "made up") for v in (voxels, voxels // 2)
    )
    places = random.uniform((2, 5, 5), (28, 85, 95), (60, 3))
    places = places[np.argsort(places[:, 0])]
    parts = {"whole": [places], "halves": [places[:25], places[25:]]}
    described = {}
    for name, stores in parts.items():
        paths = [tmp_path / f"{name}_{n}.zarr" for n in range(len(stores))]
        for path, part in zip(paths, stores, strict=True):
            extract_cuboids(signal, background, part, (6, 17, 17), (5, 3, 3), path)
        described[name] = describe_brain(signal, background, CuboidStore.open(paths))
    assert described["whole"] == described["halves"]
    write_json(described["whole"], tmp_path / "appearance.json")
    assert described["whole"]["candidates"]["measured"] == 60
    assert described["whole"]["tissue"]["background_intensity"] == pytest.approx(
        described["whole"]["tissue"]["intensity"] - np.log(2), abs=0.05
    )


def test_a_brain_without_candidates_is_described(tmp_path):
    voxels = np.random.default_rng(0).poisson(300, (9, 40, 40)).astype(np.uint16)
    signal = Volume(da.from_array(voxels, chunks=(1, -1, -1)), SIZE, "made up")
    store = extract_cuboids(signal, None, np.empty((0, 3)), (6, 9, 9), (5, 3, 3), tmp_path / "s")
    found = describe_brain(signal, None, store)
    assert found["candidates"]["number"] == found["candidates"]["measured"] == 0
    assert all(quantiles == [None] * 3 for quantiles in found["features"].values())
    write_json(found, tmp_path / "appearance.json")
