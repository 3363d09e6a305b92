"""An exported arm answers in cellfinder, which is not changed, as it answers here."""

import os

import numpy as np
import pytest
import torch
from smallest_networks import SMALLEST
from synthetic_cuboids import SHAPE, VOXEL_SIZE, blobs, write_store

from cellsift.calibration.description import write_description
from cellsift.calibration.members import Combination
from cellsift.cuboids.extraction import extract_cuboids
from cellsift.cuboids.normalisation import Normalisation
from cellsift.errors import InputError
from cellsift.inference.classify import classify_brain
from cellsift.inference.trained_arm import TrainedArm, TrainedEnsemble, load_arm
from cellsift.io.axes import AXES
from cellsift.io.json_files import read_json
from cellsift.io.volumes import open_volume
from cellsift.models import create_model, list_models
from cellsift.models.storage import network_part, save_model
from cellsift.phantom.brain import make_brain
from cellsift.phantom.settings import BrainSettings

os.environ.setdefault("KERAS_BACKEND", "torch")
keras = pytest.importorskip("keras")
pytest.importorskip("cellfinder")

from cellsift.interop import cellfinder_export  # noqa: E402
from cellsift.interop.cellfinder_export import (  # noqa: E402
    Statistics,
    export_to_cellfinder,
    keras_arm,
    main,
    p_cell,
)

# A leaf stands for five cuboids at least, so each tree has to see all of them to split them.
OPTIONS = SMALLEST | {"features": {"trees": 20, "subsample": 1.0}}
LAYOUT = (2, SHAPE, VOXEL_SIZE)
DATASET = Normalisation.named("dataset", (4.7, 4.6), (0.1, 0.12))
TWO_CHANNELS = blobs(np.arange(20) % 2 == 0, seed=3)
CUBOIDS = {1: TWO_CHANNELS[:, :1], 2: TWO_CHANNELS}


def write_arm(
    folder, architecture="resnet", layout=LAYOUT, normalisation=DATASET, folds=1, threshold=0.5,
    cuboids=None, **sidecar,
):
    """Write an arm of random networks whose p_cell of the cuboids lie on both sides of 0.5."""
    channels, shape, _ = layout
    options = OPTIONS[architecture]
    files = []
    for fold in range(folds):
        torch.manual_seed(fold)
        model = create_model(architecture, channels, shape, **options).eval()
        if architecture == "features":
            _grow(model, normalisation)
        # New networks have zeros and ones where trained ones have not.
        with torch.no_grad():
            for tensor in model.parameters():
                tensor.add_(0.01 * torch.randn(tensor.shape))
        content = network_part(architecture, options, layout, normalisation) | {"provenance": {}}
        files.append(save_model(folder / f"fold-{fold}.json", model, content | sidecar))
    write_description(folder, files, {"temperature": 1.0, "threshold": threshold})
    cuboids = CUBOIDS[channels] if cuboids is None else cuboids
    logits = _logits(load_arm(folder), cuboids)
    for file in files:
        content = read_json(file)
        model = load_arm(folder).scorers[files.index(file)].model
        save_model(file, model, content | {"logit_offset": -float(np.median(logits))})
    temperature = float(np.std(logits)) or 1.0
    write_description(folder, files, {"temperature": temperature, "threshold": threshold})
    return folder


def _grow(model, normalisation):
    features = model.cuboid_features(normalisation.apply(TWO_CHANNELS)).numpy()
    model.fit(features, np.arange(len(features)) % 2 == 0, (1.0, 1.0), seed=0)


def _logits(arm, cuboids):
    p = p_cell(arm, torch.from_numpy(cuboids.astype(np.float32)), NO_STATISTICS).astype(float)
    return np.log(p / (1 - p)).clip(-20, 20)


NO_STATISTICS = Statistics()


def keras_answers(path, cuboids):
    """Return what cellfinder computes of cuboids (n, channel, z, y, x): (n, 2)."""
    from cellfinder.core.classify.tools import get_model

    model = get_model(existing_model=path, network_depth="50-layer", inference=True)
    inputs = torch.from_numpy(cuboids.astype(np.float32).transpose(0, 3, 4, 2, 1).copy())
    return model(inputs).cpu().numpy()


def check_same(folder, path, cuboids=None, statistics=NO_STATISTICS):
    """Assert that the exported file gives p_cell and the decisions of the arm."""
    arm = load_arm(folder)
    cuboids = CUBOIDS[arm.channels] if cuboids is None else cuboids
    expected = p_cell(arm, torch.from_numpy(cuboids.astype(np.float32)), statistics)
    answers = keras_answers(path, cuboids)
    assert np.ptp(expected) > 0.05, "cuboids are told apart"
    np.testing.assert_allclose(answers[:, 1], expected, rtol=0, atol=1e-3)
    clear = np.abs(expected - arm.threshold) > 1e-4
    called = answers.argmax(axis=1) == 1
    np.testing.assert_array_equal(called[clear], (expected >= arm.threshold)[clear])


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in list_models() if name != "ensemble"])
def test_every_architecture_answers_in_cellfinder_as_here(tmp_path, name):
    folder = write_arm(tmp_path / "arm", name, threshold=0.55)
    export_to_cellfinder(folder, tmp_path / "arm.keras")
    check_same(folder, tmp_path / "arm.keras")
