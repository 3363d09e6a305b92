"""Every architecture goes through training, scoring and Grad-CAM as the workflow does it."""

import json

import numpy as np
import pytest
import torch
from synthetic_cuboids import SHAPE, make_brains

from cellsift.configuration import Arm
from cellsift.errors import InputError
from cellsift.explain.gradcam import gradcam
from cellsift.models import create_model, list_models, model_options
from cellsift.models.storage import load_model
from cellsift.training.loop import train_fold

# The smallest of each family.
SMALL = {
    "convnext3d": {"size": "atto"},
    "densenet3d": {"depth": "tiny"},
    "efficientnet3d": {"width": 0.15},
    "efficientnet3d_attention": {"width": 0.15},
    "mobilenet3d": {"size": "small", "width": 0.5},
    "resnet": {"depth": 18, "width": 4},
    "resnet_cellfinder": {"depth": 18, "width": 4},
    "slice_mil": {"width": 8},
    "swin3d": {"width": 12},
    "vit3d": {"size": "tiny"},
    "wavemix3d": {"width": 16, "depth": 2},
}
OWN_TRAINING = {"deit3d", "features", "pipnet3d"}


def train(name: str, folder, brains, **options):
    stores, table = brains
    recipe = {"epochs": 1, "batch_size": 32, "learning_rate": 0.001}
    return train_fold(
        Arm(name, name, SMALL.get(name, {}) | options, recipe),
        stores,
        table,
        0,
        model_folder=folder / "models",
        training_folder=folder / "training",
        checkpoint=folder / "checkpoint.pt",
        progress=False,
    )


@pytest.fixture(scope="module")
def brains(tmp_path_factory):
    return make_brains(tmp_path_factory.mktemp("brains"), count=40)


def test_every_architecture_is_tried():
    assert set(list_models()) == set(SMALL) | OWN_TRAINING


@pytest.mark.parametrize("flat", [False, True])
@pytest.mark.parametrize("name", SMALL)
def test_it_is_trained_stored_and_explained(name, flat, tmp_path, brains):
    if flat and "planes_as_channels" not in model_options(name):
        pytest.skip(f"{name} is three-dimensional only")
    if flat and name == "efficientnet3d_attention":
        pytest.skip("its gates need planes of 17 x 17 voxels")
    options = {"planes_as_channels": True} if flat else {}
    sidecar = train(name, tmp_path, brains, **options)
    model, made = load_model(sidecar)
    assert made["architecture"] == name
    history = (tmp_path / "training" / "history.csv").read_text().splitlines()
    assert len(history) == 2
    inputs = torch.randn(3, 2, *SHAPE, generator=torch.Generator().manual_seed(0))
    maps = gradcam(model, inputs)
    assert maps.shape == (3, *SHAPE)
    assert np.isfinite(maps).all()
    assert json.loads(sidecar.read_text())["options"] == SMALL[name] | options


@pytest.mark.parametrize("name", sorted(OWN_TRAINING))
def test_what_needs_a_training_of_its_own_is_refused(name, tmp_path, brains):
    create_model(name, 2, SHAPE)
    with pytest.raises(InputError, match=f"'{name}' needs a training of its own"):
        train(name, tmp_path, brains)
    assert not list(tmp_path.rglob("*.safetensors"))
