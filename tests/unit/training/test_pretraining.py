"""Pre-training learns from voxels alone, is repeatable, and goes on after a kill."""

import json
import logging
import math
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from smallest_networks import OPTIONS
from synthetic_cuboids import SHAPE, blobs, make_brains, write_store
from trained_folds import run_options

from cellsift.cuboids.batches import Cuboids
from cellsift.errors import InputError
from cellsift.models import create_model
from cellsift.models.backbone import head_parameters
from cellsift.models.weight_transfer import start_from
from cellsift.results import PretrainingFolder
from cellsift.settings.pretraining import Pretraining, PretrainingRecipe
from cellsift.settings.recipe import Recipe
from cellsift.training.pretraining import backbone_training, outputs
from cellsift.training.pretraining.methods import check_method, make_method
from cellsift.training.pretraining.run import pretrain
from cellsift.training.starting_point.reading import read_starting_point
from cellsift.training.starting_point.wanted import WantedNetwork
from cellsift.workflow.training_progress import TrainingDisplay

RECIPE = PretrainingRecipe(
    epochs=3,
    batch_size=20,
    learning_rate=0.001,
    weight_decay=0.05,
    cuboids_per_epoch=1000,
    normalisation="brain",
    augmentation=Recipe().augmentation,
)
MAE = Pretraining(
    "mae",
    "mae",
    "vit3d",
    {"width": 12, "depth": 2},
    "all",
    RECIPE,
    {"mask_ratio": 0.75, "normalised_targets": True},
)
DINO = Pretraining(
    "dino",
    "dino",
    "resnet",
    {"depth": 18, "width": 4},
    "all",
    RECIPE.model_copy(update={"epochs": 2}),
    {"local_views": 1, "prototypes": 16, "teacher_momentum": 0.9},
)
BOTH = pytest.mark.parametrize("settings", [MAE, DINO], ids=["mae", "dino"])


def with_recipe(settings: Pretraining, **changes) -> Pretraining:
    return replace(settings, recipe=settings.recipe.model_copy(update=changes))


def train(folder: Path, stores, settings: Pretraining = MAE, **options) -> Path:
    places = (PretrainingFolder(folder / settings.name), folder / "checkpoint.pt")
    return pretrain(settings, stores, *places, run_options(**options))


def results(path: Path) -> tuple[bytes, pd.DataFrame]:
    """The weights, and the history without its times."""
    history = pd.read_csv(path.with_name("history.csv")).drop(columns="seconds")
    return path.with_suffix(".safetensors").read_bytes(), history


def assert_same_results(first: Path, second: Path) -> None:
    (weights, history), (others, other_history) = results(first), results(second)
    assert weights == others
    pd.testing.assert_frame_equal(history, other_history, check_exact=True)


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    return make_brains(tmp_path_factory.mktemp("brains"), count=30)[0]


@pytest.fixture(scope="module")
def unbroken(stores, tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("unbroken")
    display = TrainingDisplay(visible=False)
    return {s.name: train(folder, stores, s, progress=display) for s in (MAE, DINO)}


@BOTH
def test_what_a_pretraining_leaves(settings, stores, unbroken):
    path = unbroken[settings.name]
    assert sorted(p.name for p in path.parent.iterdir()) == [
        "backbone.json",
        "backbone.safetensors",
        "history.csv",
        "tensorboard",
    ]
    sidecar = json.loads(path.read_text())
    assert (sidecar["architecture"], sidecar["options"]) == (
        settings.architecture,
        settings.options,
    )
    assert sidecar["in_channels"] == 2
    assert sidecar["cuboid"] == {"shape": [8, 16, 16], "voxel_size": [5.0, 2.0, 2.0]}
    assert sidecar["pretraining"]["method"] == settings.method
    made = sidecar["provenance"]
    assert (made["brains"], made["cuboids"], made["seed"]) == (["one", "two"], 60, 0)
    assert set(made["versions"]) >= {"torch", "cellsift"}
    history = pd.read_csv(path.with_name("history.csv"))
    assert list(history["epoch"]) == list(range(1, settings.recipe.epochs + 1))
    assert not list(path.parents[1].glob("checkpoint*"))


@BOTH
def test_a_network_starts_from_it(settings, unbroken):
    path = unbroken[settings.name]
    torch.manual_seed(5)
    model = create_model(settings.architecture, 2, SHAPE, **settings.options)
    head = [p.clone() for p in head_parameters(model)]
    network = (settings.architecture, settings.options)
    cuboids = (2, SHAPE, (5.0, 2.0, 2.0), settings.recipe.normalisation)
    tensors = read_starting_point(path, WantedNetwork(*network, *cuboids))
    start_from(model, tensors, "backbone")
    state = model.state_dict()
    for name, tensor in load_file(path.with_suffix(".safetensors")).items():
        assert torch.equal(state[name], tensor)
    assert all(torch.equal(a, b) for a, b in zip(head, head_parameters(model), strict=True))


@BOTH
def test_the_same_seed_gives_the_same_weights_and_another_gives_others(
    settings, stores, unbroken, tmp_path
):
    torch.manual_seed(99)
    assert_same_results(train(tmp_path / "a", stores, settings), unbroken[settings.name])
    other = train(tmp_path / "b", stores, settings, seed=1)
    assert results(other)[0] != results(unbroken[settings.name])[0]


class Stop(Exception):
    """Ends a pre-training from outside."""


def stop_after(last: int):
    def stop(epoch: int) -> None:
        if epoch == last:
            raise Stop

    return stop


@BOTH
def test_a_broken_pretraining_goes_on_and_ends_like_an_unbroken_one(
    settings, stores, unbroken, tmp_path
):
    with pytest.raises(Stop):
        train(tmp_path, stores, settings, after_epoch=stop_after(1))
    assert not list(tmp_path.rglob("backbone.*"))
    epochs = []
    path = train(tmp_path, stores, settings, after_epoch=epochs.append)
    assert epochs == list(range(2, settings.recipe.epochs + 1))
    assert_same_results(path, unbroken[settings.name])


@BOTH
def test_a_pretraining_can_be_watched(settings, stores, tmp_path):
    seen = []
    watch = lambda done, total: seen.append((done, total))  # noqa: E731
    display = TrainingDisplay(visible=False, count_epochs=watch)
    train(tmp_path, stores, settings, progress=display)
    epochs = settings.recipe.epochs
    assert (seen[0], seen[-1]) == ((0, epochs), (epochs, epochs))
    assert any(done % 1 for done, _ in seen)


KILLED = """
import sys, time
from pathlib import Path
from synthetic_cuboids import make_brains
from test_pretraining import train

folder = Path(sys.argv[1])

def after_epoch(epoch):
    if epoch == 2:
        (folder / "two epochs").touch()
        time.sleep(600)

train(folder, make_brains(folder / "brains", count=30)[0], after_epoch=after_epoch)
"""


@pytest.mark.slow
def test_a_pretraining_that_was_killed_goes_on_where_it_was(unbroken, tmp_path):
    command = [sys.executable, "-c", KILLED, str(tmp_path)]
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])
    }
    with subprocess.Popen(command, env=environment) as process:
        waited_until = time.monotonic() + 300
        while not (tmp_path / "two epochs").exists() and time.monotonic() < waited_until:
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
    epochs = []
    stores, _ = make_brains(tmp_path / "brains", count=30)
    path = train(tmp_path, stores, after_epoch=epochs.append)
    assert epochs == [3]
    assert_same_results(path, unbroken["mae"])


@pytest.mark.parametrize("change", ["recipe", "seed", "voxels", "method"])
def test_a_checkpoint_of_something_else_is_not_used(stores, tmp_path, change):
    with pytest.raises(Stop):
        train(tmp_path, stores, after_epoch=stop_after(2))
    settings, seed = MAE, 0
    if change == "recipe":
        settings = with_recipe(MAE, learning_rate=0.002)
    elif change == "seed":
        seed = 1
    elif change == "method":
        settings = replace(MAE, of_method=MAE.of_method | {"mask_ratio": 0.5})
    else:
        brighter = stores["one"].read(np.arange(len(stores["one"]))) + np.uint16(1)
        store = write_store(tmp_path / "one.zarr", brighter, stores["one"].positions)
        stores = stores | {"one": store}
    epochs = []
    train(tmp_path, stores, settings, seed=seed, after_epoch=epochs.append)
    assert epochs == [1, 2, 3]


def test_all_candidates_of_all_brains_are_seen_and_no_label(stores, tmp_path, monkeypatch):
    """There are only stores to read from, and of these only voxels and their statistics."""
    seen = []
    read = Cuboids.raw

    def raw(self, rows):
        seen.extend(zip(self._brain[rows], self._candidate[rows], strict=True))
        return read(self, rows)

    monkeypatch.setattr(Cuboids, "raw", raw)
    train(tmp_path, stores, with_recipe(MAE, epochs=1))
    assert sorted(seen) == [(brain, i) for brain in range(2) for i in range(30)]


def test_a_pass_takes_no_more_cuboids_than_asked_for(stores, tmp_path, monkeypatch):
    seen = []
    read = Cuboids.raw

    def raw(self, rows):
        seen.append(len(rows))
        return read(self, rows)

    monkeypatch.setattr(Cuboids, "raw", raw)
    train(tmp_path, stores, with_recipe(MAE, cuboids_per_epoch=25, epochs=2))
    assert sum(seen) == 50


def test_brains_without_candidates_do_no_harm_but_too_few_cuboids_are_refused(stores, tmp_path):
    empty = write_store(tmp_path / "empty.zarr", blobs(np.zeros(0, bool), 0))
    path = train(tmp_path, stores | {"empty": empty}, with_recipe(MAE, epochs=1))
    assert json.loads(path.read_text())["provenance"]["brains"] == ["one", "two"]
    for none in ({}, {"empty": empty}):
        with pytest.raises(InputError, match="0 cuboids to pre-train on, at least 2"):
            train(tmp_path, none)


def test_a_loss_that_is_not_finite_ends_the_pretraining(stores, tmp_path, monkeypatch):
    monkeypatch.setattr(backbone_training, "step", lambda *_: torch.tensor(math.nan))
    with pytest.raises(InputError, match="nan in epoch 1.*set a learning_rate below 0.001"):
        train(tmp_path, stores)
    assert not list(tmp_path.rglob("backbone.*"))


def test_a_collapse_is_noted(stores, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(outputs, "COLLAPSED", 100)
    with caplog.at_level(logging.WARNING):
        train(tmp_path, stores, with_recipe(DINO, epochs=1))
    assert "pre-training dino collapsed" in caplog.text


def test_the_callers_random_numbers_are_left_alone(stores, tmp_path):
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    train(tmp_path, stores, with_recipe(MAE, epochs=1))
    assert torch.equal(torch.rand(1), expected)


def test_progress_in_a_log_is_one_line_per_epoch(stores, tmp_path, capsys):
    train(tmp_path, stores, DINO, progress=TrainingDisplay())
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 2
    assert all("information" in line and "pre-training dino" in line for line in lines)


@pytest.mark.parametrize(
    ("method", "name", "message"),
    [
        ("mae", "resnet", "vision transformer, which 'resnet' is not; choose method dino"),
        ("mae", "features", "'features' has no weights"),
        ("dino", "features", "'features' has no weights"),
    ],
)
def test_methods_refuse_networks_that_they_cannot_train(method, name, message, stores, tmp_path):
    options = OPTIONS.get(name, {})
    with pytest.raises(InputError, match=message):
        check_method(method, name, create_model(name, 2, SHAPE, **options))
    settings = replace(
        MAE if method == "mae" else DINO, architecture=name, options=options, method=method
    )
    with pytest.raises(InputError, match=message):
        train(tmp_path, stores, settings)


def test_a_single_channel_and_raw_intensities_can_be_pretrained_on(tmp_path):
    one_channel = make_brains(tmp_path / "brains", channels=1, count=20)[0]
    settings = with_recipe(MAE, epochs=1, normalisation="linear")
    assert json.loads(train(tmp_path, one_channel, settings).read_text())["in_channels"] == 1


@BOTH
def test_settings_make_the_method(settings):
    model = create_model(settings.architecture, 2, SHAPE, **settings.options)
    method = make_method(settings.method, model, 2, SHAPE, settings.of_method)
    for name, value in settings.of_method.items():
        assert getattr(method, name, value) == value


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")
@BOTH
def test_pretraining_on_a_gpu_goes_on_after_a_stop(settings, stores, tmp_path):
    with pytest.raises(Stop):
        train(tmp_path, stores, settings, device="cuda", after_epoch=stop_after(1))
    path = train(tmp_path, stores, settings, device="cuda")
    assert json.loads(path.read_text())["provenance"]["device"] == "cuda"
    assert np.isfinite(pd.read_csv(path.with_name("history.csv"))).all(axis=None)
