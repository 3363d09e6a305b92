"""The filters of contrast on a GPU: the same arithmetic as scipy's, here on torch's CPU."""

import dask.array as da
import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter, maximum_filter

from cellsift.detection import Resources, detect, filters, resources
from cellsift.detection.filters import gaussian_in_torch, highest_in_torch
from cellsift.detection.resources import gpu_if_there_is_one
from cellsift.io.volumes import Volume

CPU = torch.device("cpu")
SIGMAS = [
    ((0.8, 1.7, 1.7), (3, 7, 7)),
    ((1.6, 4.4, 4.4), (6, 18, 18)),
    ((0.3, 0.9, 2.0), (1, 4, 8)),
]


@pytest.fixture(scope="module")
def values() -> np.ndarray:
    random = np.random.default_rng(0)
    return np.log1p(random.integers(0, 4000, (21, 60, 47)).astype(np.float32))


@pytest.mark.parametrize(("sigma", "radius"), SIGMAS)
def test_a_gaussian_is_scipys_to_the_last_bit(values, sigma, radius):
    wanted = gaussian_filter(values, sigma, mode="nearest", radius=radius)
    found = gaussian_in_torch(values, sigma, radius, CPU)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, wanted)


def test_a_gaussian_wider_than_the_volume_is_scipys_too(values):
    thin = np.ascontiguousarray(values[:2])
    wanted = gaussian_filter(thin, (3, 2, 2), mode="nearest", radius=(12, 8, 8))
    np.testing.assert_array_equal(gaussian_in_torch(thin, (3, 2, 2), (12, 8, 8), CPU), wanted)


@pytest.mark.parametrize("size", [(3, 5, 5), (1, 3, 7)])
def test_the_highest_in_a_window_is_scipys(values, size):
    wanted = maximum_filter(values, size=size, mode="nearest")
    np.testing.assert_array_equal(highest_in_torch(values, size, CPU), wanted)


def test_candidates_do_not_show_where_they_were_filtered(monkeypatch):
    random = np.random.default_rng(1)
    voxels = random.poisson(200, (24, 80, 80)).astype(np.uint16)
    voxels[12:15, 40:44, 40:44] += 500
    volume = Volume(da.from_array(voxels), (5, 2, 2), "made-up volume")
    used = set()
    for name in ("gaussian_in_torch", "highest_in_torch"):
        original = getattr(filters, name)
        monkeypatch.setattr(
            filters, name, lambda *given, o=original, n=name: used.add(n) or o(*given)
        )
    wanted = detect(volume, "dog", soma_diameter=10)
    assert not used
    in_torch = Resources(device=CPU)
    found = detect(volume, "dog", in_torch, soma_diameter=10)
    assert used == {"gaussian_in_torch", "highest_in_torch"}
    assert len(wanted) > 20
    assert found.equals(wanted)
    assert detect(volume, "dog", in_torch, soma_diameter=10, slab_planes=7).equals(wanted)


@pytest.fixture
def torch_with_a_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)


def test_a_gpu_is_taken_where_torch_finds_one(torch_with_a_gpu, monkeypatch, tmp_path):
    monkeypatch.setattr(resources, "DRIVER", tmp_path)
    assert gpu_if_there_is_one("auto") == torch.device("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert gpu_if_there_is_one("auto") is None


def test_a_config_that_wants_the_cpu_gets_it(torch_with_a_gpu, monkeypatch, tmp_path):
    monkeypatch.setattr(resources, "DRIVER", tmp_path)
    assert gpu_if_there_is_one("cpu") is None


def test_without_a_driver_no_gpu_is_looked_for(torch_with_a_gpu, monkeypatch, tmp_path):
    monkeypatch.setattr(resources, "DRIVER", tmp_path / "nothing")
    assert gpu_if_there_is_one("auto") is None
