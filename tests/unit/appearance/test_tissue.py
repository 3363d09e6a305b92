"""What is measured of tissue is what a person would say of it, wherever the volume is stored."""

import dask.array as da
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, gaussian_filter1d

from cellsift.appearance.blocks import (
    BLOCKS_OF_LAYER,
    LAYERS,
    MOST_PLANES,
    sample_blocks,
)
from cellsift.appearance.tissue import is_tissue, measure_block
from cellsift.io.volumes import Volume

SIZE = (5.0, 2.0, 2.0)
RADIUS = 4.0


def tissue(seed: int = 0, noise: float = 20.0) -> np.ndarray:
    """Brightness that varies from place to place, in counts, with fine noise."""
    random = np.random.default_rng(seed)
    slow = gaussian_filter(random.normal(size=(16, 80, 80)), (1.5, 3, 3))
    return 1000 * np.exp(0.4 * slow / slow.std()) + random.normal(0, noise, slow.shape)


def measured(block: np.ndarray) -> dict[str, float]:
    return measure_block(np.clip(block, 0, 65535).astype(np.uint16), SIZE, RADIUS)


def test_twice_the_light_changes_the_intensity_alone():
    once, twice = measured(tissue()), measured(2 * tissue())
    assert twice.pop("intensity") - once.pop("intensity") == pytest.approx(np.log(2), abs=0.01)
    assert twice == pytest.approx(once, abs=0.05)


def test_noise_is_told_from_contrast():
    little, much = measured(tissue(noise=20)), measured(tissue(noise=80))
    assert much["noise"] - little["noise"] == pytest.approx(np.log(4), abs=0.2)
    assert much["contrast"] == pytest.approx(little["contrast"], abs=0.1)


def test_contrast_grows_with_that_of_structures():
    flat = 1000 * (tissue(noise=0) / 1000) ** 0.5
    assert measured(tissue(noise=0))["contrast"] - measured(flat)["contrast"] == pytest.approx(
        np.log(2), abs=0.1
    )


def test_blur_in_the_plane_and_blur_along_z_are_told_apart():
    sharp = measured(tissue(noise=0))
    in_plane = measured(gaussian_filter1d(gaussian_filter1d(tissue(noise=0), 3, axis=1), 3, axis=2))
    along_z = measured(gaussian_filter1d(tissue(noise=0), 3, axis=0))
    assert in_plane["length_plane"] > sharp["length_plane"] + 0.3
    assert along_z["length_z"] > sharp["length_z"] + 0.3
    assert along_z["length_plane"] < sharp["length_plane"] + 0.2
    assert in_plane["fineness"] < sharp["fineness"]


def test_one_plane_has_no_length_along_z():
    found = measured(tissue()[:1])
    assert np.isnan(found.pop("length_z"))
    assert np.isfinite(list(found.values())).all()


@pytest.mark.parametrize("value", [0, 700])
def test_a_block_without_anything_in_it_is_measured_too(value):
    assert np.isfinite(list(measured(np.full((4, 40, 40), value)).values())).all()


def test_what_lies_outside_the_brain_is_no_tissue():
    outside, inside = [2.0, 2.1, 1.9], [5.9, 6.0, 6.2, 5.8]
    assert is_tissue(np.array(outside + inside)).tolist() == [False] * 3 + [True] * 4


@pytest.mark.parametrize("logs", [[6.0, 6.1, 6.3, 6.2, 6.5], [6.0] * 4, [6.0], []])
def test_tissue_of_much_the_same_brightness_is_tissue(logs):
    assert is_tissue(np.array(logs)).all()


def volume_of(shape: tuple[int, int, int], chunks: tuple[int, int, int]) -> Volume:
    numbers = np.arange(np.prod(shape)).reshape(shape) % 60013
    return Volume(da.from_array(numbers.astype(np.uint16), chunks=chunks), SIZE, "numbers")


def test_blocks_are_the_same_however_the_volume_is_stored():
    shape = (45, 190, 210)
    ways = [(1, 190, 210), (7, 190, 210), (16, 64, 64)]
    first, *others = [list(sample_blocks(volume_of(shape, chunks), 60)) for chunks in ways]
    assert len(first) > 20
    for blocks in others:
        assert np.array_equal(blocks, first)


def test_no_voxel_is_in_two_blocks():
    shape = (30, 120, 130)
    counts = np.arange(np.prod(shape), dtype=np.uint32).reshape(shape)
    volume = Volume(da.from_array(counts, chunks=(4, 120, 130)), SIZE, "numbers")
    voxels = np.concatenate([block.ravel() for block in sample_blocks(volume, 60)])
    assert len(np.unique(voxels)) == len(voxels)


def test_of_a_whole_brain_few_planes_are_read_and_fewer_are_held(monkeypatch):
    read, together, planes = [], [], Volume.planes

    def noted(volume, start, stop):
        together.append(stop - start)
        return planes(volume, start, stop)

    monkeypatch.setattr(Volume, "planes", noted)

    def plane(block_id):
        read.append(block_id[0])
        return np.zeros((1, 4000, 5000), np.uint8)

    data = da.map_blocks(
        plane,
        chunks=((1,) * 3000, (4000,), (5000,)),
        dtype=np.uint8,
        meta=np.empty((0, 0, 0), "u1"),
    )
    blocks = list(sample_blocks(Volume(data, (2.0, 1.0, 1.0), "brain"), 100))
    assert len(blocks) == LAYERS * BLOCKS_OF_LAYER
    assert len(read) == len(set(read)) <= LAYERS * MOST_PLANES
    assert max(together) * 4000 * 5000 < 10**8


def test_a_volume_smaller_than_a_block_is_one():
    (block,) = sample_blocks(volume_of((3, 20, 25), (1, 20, 25)), 100)
    assert block.shape == (3, 20, 25)
