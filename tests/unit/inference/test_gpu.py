"""A network on a GPU: it learns, goes on after a stop, and scores as on the CPU."""

import json

import numpy as np
import pytest
import torch
from synthetic_cuboids import make_brains, narrow_arm
from trained_folds import train_in

from cellsift.calibration.description import write_description
from cellsift.detection import filters
from cellsift.inference.classify import score_store
from cellsift.inference.trained_arm import load_arm

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")


def train(folder, brains, **more):
    return train_in(folder, narrow_arm(epochs=4), brains, device="cuda", **more)


def test_training_goes_on_after_a_stop_and_scores_agree_with_the_cpu(tmp_path):
    brains = make_brains(tmp_path)

    def stop(epoch: int) -> None:
        if epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, brains, after_epoch=stop)
    assert (tmp_path / "checkpoint.pt").exists()
    sidecar = train(tmp_path, brains)
    made = json.loads(sidecar.read_text())["provenance"]
    assert made["device"] == "cuda"
    assert made["average_precision"] > 0.8
    write_description(tmp_path / "models", [sidecar], {"temperature": 1.0, "threshold": 0.5})
    store = brains[0]["two"]
    on_gpu, on_cpu = (
        score_store(load_arm(tmp_path / "models"), store, device) for device in ("cuda", "cpu")
    )
    np.testing.assert_allclose(on_gpu, on_cpu, atol=0.02)


@pytest.mark.parametrize(
    ("sigma", "radius"), [((0.8, 1.7, 1.7), (3, 7, 7)), ((2, 4, 4), (8, 16, 16))]
)
def test_filters_of_detection_give_the_numbers_of_the_cpu(sigma, radius):
    values = np.random.default_rng(0).random((21, 60, 47)).astype(np.float32)
    gpu = torch.device("cuda")
    wanted = filters.gaussian(values, sigma, radius)
    np.testing.assert_array_equal(filters.gaussian_in_torch(values, sigma, radius, gpu), wanted)
    wanted = filters.highest(values, (3, 5, 5))
    np.testing.assert_array_equal(filters.highest_in_torch(values, (3, 5, 5), gpu), wanted)
