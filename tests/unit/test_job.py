"""What a job asks for and what it may use."""

from types import SimpleNamespace

import pytest

from cellsift.detection import blocks
from cellsift.job import memory_for_data, wanted_device


def job(device: str | None = None, **resources) -> SimpleNamespace:
    config = {} if device is None else {"device": device}
    return SimpleNamespace(config=config, resources=resources)


@pytest.mark.parametrize(
    ("resources", "device"),
    [
        ({}, "auto"),
        ({"gpu": 0}, "auto"),
        ({"gpu": 1}, "cuda"),
        ({"gpu": 0, "gres": "gpu:1"}, "cuda"),
    ],
)
def test_who_asked_its_scheduler_for_a_gpu_insists_on_one(resources, device):
    assert wanted_device(job(**resources)) == device
    assert wanted_device(job("auto", **resources)) == device
    assert wanted_device(job("cpu", **resources)) == "cpu"
    assert wanted_device(job("cuda", **resources)) == "cuda"


def test_data_get_a_share_of_the_jobs_memory():
    asked = SimpleNamespace(resources=SimpleNamespace(mem_mb=1000))
    assert 0.5e9 < memory_for_data(asked) < 1e9


def test_detection_uses_no_more_cores_than_its_job_has(monkeypatch):
    monkeypatch.setattr(blocks, "_most_cores", blocks._most_cores)
    free = blocks.available_cores()
    blocks.limit_cores(1)
    assert blocks.available_cores() == 1
    blocks.limit_cores(10**6)
    assert blocks.available_cores() == free
