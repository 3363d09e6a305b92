"""Every architecture goes through training, scoring and explanation as the workflow does it."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from smallest_networks import SMALLEST
from synthetic_cuboids import SHAPE, make_brains
from trained_folds import train_in

from cellsift.errors import InputError
from cellsift.explain.saliency import saliency
from cellsift.io.tables import read_table
from cellsift.models import create_model, list_models, model_options
from cellsift.models.storage import load_model
from cellsift.settings.arms import Arm
from cellsift.settings.recipe import Recipe
from cellsift.training.classification.state import TrainingState

PLANE = (1, 20, 20)


def train(name: str, folder, brains, fold=0, teacher=None, recipe=None, **options):
    recipe = {"epochs": 1, "batch_size": 32, "learning_rate": 0.001} | (recipe or {})
    if name == "deit3d":
        recipe |= {"teacher": "teacher"}
    arm = Arm(name, name, SMALLEST[name] | options, Recipe.from_dict(recipe))
    return train_in(folder, arm, brains, fold, teacher)


@pytest.fixture(scope="module")
def brains(tmp_path_factory):
    return make_brains(tmp_path_factory.mktemp("brains"), count=40)


@pytest.fixture(scope="module")
def sliced_brains(tmp_path_factory):
    """Brains whose cuboids are single planes."""
    return make_brains(tmp_path_factory.mktemp("sliced"), count=40, shape=PLANE)


def taught_by(name: str, teacher):
    return teacher if name == "deit3d" else None


@pytest.fixture(scope="module")
def teacher(tmp_path_factory, brains):
    return train("resnet", tmp_path_factory.mktemp("teacher"), brains)


@pytest.fixture(scope="module")
def teacher_of_planes(tmp_path_factory, sliced_brains):
    return train("resnet", tmp_path_factory.mktemp("teacher_of_planes"), sliced_brains)


def test_every_architecture_is_tried():
    assert set(list_models()) == set(SMALLEST) | {"ensemble"}


def test_an_ensemble_is_listed_but_has_no_network():
    assert model_options("ensemble") == {"members": (), "method": "mean"}
    with pytest.raises(InputError, match="no network of its own, it is made of trained arms"):
        create_model("ensemble", 2, SHAPE, members=["resnet_narrow", "slice_mil"])


@pytest.mark.slow
@pytest.mark.parametrize("flat", [False, True])
@pytest.mark.parametrize("name", SMALLEST)
def test_it_is_trained_stored_and_explained(name, flat, tmp_path, brains, teacher):
    if flat and "planes_as_channels" not in model_options(name):
        pytest.skip(f"{name} takes planes as they are")
    if flat and name == "efficientnet3d_attention":
        pytest.skip("its gates need planes of 17 x 17 voxels")
    options = {"planes_as_channels": True} if flat else {}
    sidecar = train(name, tmp_path, brains, teacher=taught_by(name, teacher), **options)
    check_stored_and_explained(name, options, sidecar, tmp_path, SHAPE)


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALLEST)
def test_it_is_trained_stored_and_explained_on_single_planes(
    name, tmp_path, sliced_brains, teacher_of_planes
):
    options = {"planes_as_channels": True} if "planes_as_channels" in model_options(name) else {}
    taught = taught_by(name, teacher_of_planes)
    sidecar = train(name, tmp_path, sliced_brains, teacher=taught, **options)
    check_stored_and_explained(name, options, sidecar, tmp_path, PLANE)


def check_stored_and_explained(name: str, options: dict, sidecar, folder, shape) -> None:
    model, made = load_model(sidecar)
    assert made["architecture"] == name
    assert made["cuboid"]["shape"] == list(shape)
    history = (folder / "training" / "history.csv").read_text().splitlines()
    assert len(history) == 2
    inputs = torch.randn(3, 2, *shape, generator=torch.Generator().manual_seed(0))
    maps = saliency(model, inputs)
    assert maps.shape == (3, *shape)
    assert np.isfinite(maps).all()
    assert json.loads(sidecar.read_text())["options"] == SMALLEST[name] | options


def test_a_student_needs_the_teacher_that_its_recipe_names(tmp_path, brains, teacher):
    with pytest.raises(InputError, match="'teacher', and the teacher's model None"):
        train("deit3d", tmp_path, brains)
    with pytest.raises(InputError, match="recipe's teacher is 'none'"):
        train("resnet", tmp_path, brains, teacher=teacher)
    assert not list(tmp_path.rglob("*.safetensors"))


def test_a_teacher_that_knows_the_held_out_candidates_is_refused(tmp_path, brains, teacher):
    with pytest.raises(InputError, match="fold-0 held out, not fold-1"):
        train("deit3d", tmp_path, brains, fold=1, teacher=teacher)


def test_trees_are_kept_as_they_are_where_weights_are_averaged(tmp_path, brains):
    """They have no steps to average over; the recipe may be that of all arms."""
    train("features", tmp_path / "plain", brains)
    train("features", tmp_path / "averaged", brains, recipe={"moving_average": 0.9})
    plain, averaged = (
        read_table(tmp_path / name / "training" / "scores.csv") for name in ("plain", "averaged")
    )
    assert plain["logit"].std() > 0.1
    pd.testing.assert_frame_equal(plain, averaged)


def test_no_prototypes_are_kept_before_they_have_learnt_from_labels(tmp_path, brains):
    recipe = {"epochs": 4, "patience": 1}
    sidecar = train("pipnet3d", tmp_path, brains, recipe=recipe, forming=0.5)
    assert len(read_table(tmp_path / "training" / "history.csv")) >= 3
    assert json.loads(sidecar.read_text())["provenance"]["best_epoch"] >= 3


def test_a_training_does_not_end_for_want_of_patience_before_its_backbone_learns():
    state = TrainingState(torch.nn.Linear(1, 1), None)
    for epoch, precision in enumerate([0.9, 0.8, 0.7, 0.6, 0.5], start=1):
        assert not state.finished(10, patience=2, frozen=3)
        state.record({"average_precision": precision, "validation_loss": 1.0}, np.full(1, epoch))
    assert state.best_epoch == 1
    assert state.finished(10, patience=2, frozen=3)
    assert state.finished(5, patience=9, frozen=9)


def test_epochs_that_only_prepare_are_no_measure_for_later_ones():
    state = TrainingState(torch.nn.Linear(1, 1), None, first_kept=3)
    for epoch, precision in enumerate([0.9, 0.8, 0.5, 0.6, 0.55], start=1):
        assert not state.finished(10, patience=1)
        state.record({"average_precision": precision, "validation_loss": 1.0}, np.full(1, epoch))
    assert state.best_epoch == 4
    assert state.best_logits == 4
    assert state.finished(10, patience=1)
