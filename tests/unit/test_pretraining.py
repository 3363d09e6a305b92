"""Pre-training learns from voxels alone, is repeatable, and goes on after a kill."""

import copy
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
from synthetic_cuboids import SHAPE, VOXEL_SIZE, blobs, make_brains, write_store
from test_starting_weights import OPTIONS, network

from cellsift.errors import InputError
from cellsift.models import create_model
from cellsift.models.backbone import backbone_parameters, features, head_parameters
from cellsift.models.starting_weights import start_from
from cellsift.pretraining_settings import Pretraining
from cellsift.training.augmentation import augment
from cellsift.training.pretraining import run
from cellsift.training.pretraining.dino import Dino, Projection, information, local_crop, spread
from cellsift.training.pretraining.mae import MaskedAutoencoder
from cellsift.training.pretraining.methods import check_method, make_method
from cellsift.training.pretraining.run import pretrain
from cellsift.training.recipe import DEFAULTS
from cellsift.training.starting_point import read_starting_point

RECIPE = {
    "epochs": 3,
    "batch_size": 20,
    "learning_rate": 0.001,
    "weight_decay": 0.05,
    "cuboids_per_epoch": 1000,
    "normalisation": "brain",
    "augmentation": DEFAULTS["augmentation"],
}
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
    RECIPE | {"epochs": 2},
    {"local_views": 1, "prototypes": 16, "teacher_momentum": 0.9},
)
BOTH = pytest.mark.parametrize("settings", [MAE, DINO], ids=["mae", "dino"])


def with_recipe(settings: Pretraining, **changes) -> Pretraining:
    return replace(settings, recipe=settings.recipe | changes)


def train(folder: Path, stores, settings: Pretraining = MAE, **more) -> Path:
    return pretrain(
        settings,
        stores,
        folder=folder / settings.name,
        checkpoint=folder / "checkpoint.pt",
        **{"progress": False} | more,
    )


def results(path: Path) -> tuple[bytes, pd.DataFrame]:
    """The weights, and the history without its times."""
    history = pd.read_csv(path.with_name("history.csv")).drop(columns="seconds")
    return path.with_suffix(".safetensors").read_bytes(), history


def assert_same_results(first: Path, second: Path) -> None:
    (weights, history), (others, other_history) = results(first), results(second)
    assert weights == others
    pd.testing.assert_frame_equal(history, other_history, check_exact=True)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def structured(count: int, seed: int = 0) -> torch.Tensor:
    """Cuboids with a smooth blob that differs in place and size, and little noise."""
    random = np.random.default_rng(seed)
    axes = [np.arange(n) for n in SHAPE]
    z, y, x = np.meshgrid(*axes, indexing="ij")
    middle = random.uniform(0.3, 0.7, (count, 3, 1, 1, 1)) * np.array(SHAPE).reshape(3, 1, 1, 1)
    width = random.uniform(2, 5, (count, 1, 1, 1))
    blob = np.exp(-(((np.stack([z, y, x]) - middle) ** 2).sum(1)) / (2 * width**2))
    noise = random.normal(0, 0.02, (count, 2, *SHAPE))
    return torch.from_numpy((blob[:, None] + noise) * [[[[[3]]], [[[1]]]]]).float()


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    return make_brains(tmp_path_factory.mktemp("brains"), count=30)[0]


@pytest.fixture(scope="module")
def unbroken(stores, tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("unbroken")
    return {settings.name: train(folder, stores, settings) for settings in (MAE, DINO)}


def autoencoder(**settings) -> MaskedAutoencoder:
    torch.manual_seed(0)
    model = create_model("vit3d", 2, SHAPE, width=24, depth=2, stochastic_depth=0.0)
    return MaskedAutoencoder(model, 2, SHAPE, **settings)


@pytest.mark.parametrize("ratio", [0.01, 0.25, 0.5, 0.75, 0.99])
def test_masks_hide_the_share_of_patches_asked_for(ratio):
    method = autoencoder(mask_ratio=ratio)
    _, hidden = method.reconstruct(structured(5), generator())
    patches = hidden.shape[1]
    wanted = min(patches - 1, max(1, round(ratio * patches)))
    assert abs(int(hidden[0].sum()) - wanted) <= 1
    assert len(set(hidden.sum(dim=1).tolist())) == 1
    assert len({tuple(row.tolist()) for row in hidden}) == 5 or ratio in (0.01, 0.99)


def test_every_patch_is_hidden_about_equally_often():
    _, hidden = autoencoder().reconstruct(structured(1).expand(400, -1, -1, -1, -1), generator())
    assert hidden.float().mean(dim=0).sub(0.75).abs().max() < 0.12


def test_the_encoder_sees_nothing_of_hidden_patches():
    method, cuboids = autoencoder().eval(), structured(3)
    with torch.no_grad():
        predicted, hidden = method.reconstruct(cuboids, generator())
        patch = method.network.encoder.patch_size
        blanked = cuboids.clone()
        for cuboid, of_cuboid in zip(blanked, hidden, strict=True):
            for index in of_cuboid.nonzero().flatten().tolist():
                place = np.unravel_index(index, method.network.encoder.grid)
                start = [
                    p * size - before
                    for p, size, (before, _) in zip(
                        place, patch, method.network.encoder.margins, strict=True
                    )
                ]
                box = tuple(
                    slice(max(0, s), s + size) for s, size in zip(start, patch, strict=True)
                )
                cuboid[(slice(None), *box)] = 99.0
        assert not torch.equal(blanked, cuboids)
        again, _ = method.reconstruct(blanked, generator())
    assert torch.equal(predicted, again)


def test_the_loss_ignores_what_is_said_of_visible_patches():
    method, cuboids = autoencoder().eval(), structured(3)
    with torch.no_grad():
        predicted, hidden = method.reconstruct(cuboids, generator())
        before = method.loss(lambda: cuboids, generator())
        method.reconstruct = lambda *_: (predicted + 5 * ~hidden[..., None], hidden)
        assert torch.equal(method.loss(lambda: cuboids, generator()), before)
        method.reconstruct = lambda *_: (predicted + 5 * hidden[..., None], hidden)
        assert method.loss(lambda: cuboids, generator()) > before + 1


def test_padding_is_no_task():
    torch.manual_seed(0)
    model = create_model("vit3d", 1, (7, 15, 16), width=12, depth=1, patch_size=(2, 4, 4))
    method, cuboids = MaskedAutoencoder(model, 1, (7, 15, 16)), torch.randn(2, 1, 7, 15, 16)
    assert float(method.inside.sum()) == 7 * 15 * 16
    with torch.no_grad():
        predicted, hidden = method.reconstruct(cuboids, generator())
        before = method.loss(lambda: cuboids, generator())
        method.reconstruct = lambda *_: (predicted + 5 * (method.inside == 0), hidden)
        assert torch.equal(method.loss(lambda: cuboids, generator()), before)


def test_normalised_targets_have_mean_0_and_deviation_1():
    cuboids = structured(4)
    targets = autoencoder().targets(cuboids)
    torch.testing.assert_close(
        targets.mean(dim=2), torch.zeros(targets.shape[:2]), atol=1e-4, rtol=0
    )
    torch.testing.assert_close(
        targets.var(dim=2, correction=0), torch.ones(targets.shape[:2]), atol=0.02, rtol=0
    )
    plain = autoencoder(normalised_targets=False)
    assert torch.equal(plain.targets(cuboids), plain.network.encoder.patches(cuboids))


@pytest.mark.parametrize("name", ["vit3d", "deit3d"])
@pytest.mark.parametrize("flat", [False, True])
def test_an_autoencoder_teaches_the_encoder_and_not_the_head(name, flat):
    torch.manual_seed(0)
    model = create_model(name, 2, SHAPE, width=12, depth=2, heads=2, planes_as_channels=flat)
    MaskedAutoencoder(model, 2, SHAPE).loss(lambda: structured(3), generator()).backward()
    assert all(p.grad is not None and p.grad.any() for p in backbone_parameters(model))
    assert all(p.grad is None for p in head_parameters(model))


@pytest.mark.slow
def test_reconstruction_of_new_cuboids_beats_their_mean():
    """The best constant answer is the patches' mean over the training cuboids."""
    method, cuboids, others = (
        autoencoder(normalised_targets=False),
        structured(64),
        structured(64, 1),
    )
    optimiser = torch.optim.AdamW(method.parameters(), 0.003)
    draw, losses = generator(), []
    for _ in range(150):
        loss = method.loss(lambda: cuboids, draw)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert np.mean(losses[-10:]) < 0.4 * losses[0]
    method.eval()
    with torch.no_grad():
        mean = method.targets(cuboids).mean(dim=0)
        predicted, hidden = method.reconstruct(others, generator())
        wanted = method.targets(others)
        error, error_of_mean = (
            (said - wanted).square()[hidden].mean() for said in (predicted, mean.expand_as(wanted))
        )
    assert error < 0.6 * error_of_mean


def student_and_teacher(name: str = "resnet", **settings) -> Dino:
    model = network(name)
    return Dino(model, 2, SHAPE, **{"prototypes": 16, "teacher_momentum": 0.9} | settings)


def one_step(method: Dino, progress: float = 0.0, seed: int = 0) -> None:
    optimiser = torch.optim.SGD([p for p in method.parameters() if p.requires_grad], 0.1)
    draw = generator(seed)
    cuboids = structured(6, seed)
    view = lambda: augment(cuboids, VOXEL_SIZE, DEFAULTS["augmentation"], draw)  # noqa: E731
    method.train()
    method.loss(view, draw).backward()
    optimiser.step()
    method.after_step(progress)


def test_the_teacher_is_the_slow_mean_of_the_student():
    method = student_and_teacher()
    for step, progress in enumerate((0.0, 0.5, 1.0)):
        before = [slow.clone() for slow, _ in method.pairs()]
        one_step(method, progress, seed=step)
        share = {0.0: 0.9, 0.5: 0.95, 1.0: 1.0}[progress]
        for old, (slow, fast) in zip(before, method.pairs(), strict=True):
            torch.testing.assert_close(slow, share * old + (1 - share) * fast)
    assert any(not torch.equal(slow, fast) for slow, fast in method.pairs())


def test_the_teacher_gets_no_gradient_and_the_student_all():
    method = student_and_teacher()
    one_step(method)
    assert all(slow.grad is None and not slow.requires_grad for slow, _ in method.pairs())
    assert all(p.grad is not None for p in backbone_parameters(method.student))
    assert all(p.grad is None for p in head_parameters(method.student))


def test_the_centre_follows_the_teachers_mean_answer():
    method, cuboids = student_and_teacher(local_views=0), structured(6)
    with torch.no_grad():
        method.train().loss(lambda: cuboids, generator())
        answers = method.teacher_projection(features(method.teacher, torch.cat([cuboids] * 2)))
        method.after_step(0.0)
    torch.testing.assert_close(method.centre, 0.1 * answers.mean(dim=0), atol=1e-5, rtol=1e-4)


def test_the_loss_is_the_cross_entropy_of_other_views():
    method, draw = student_and_teacher(local_views=0), generator()
    method.centre.uniform_(-0.1, 0.1)
    views = [structured(4, 1), structured(4, 2)]
    given = iter(views)
    method.eval()
    with torch.no_grad():
        loss = method.loss(lambda: next(given), draw)
        teacher, student = (
            [projection(features(net, view)) for view in views]
            for net, projection in (
                (method.teacher, method.teacher_projection),
                (method.student, method.student_projection),
            )
        )
    wanted = [torch.softmax((said - method.centre) / 0.04, dim=1) for said in teacher]
    expected = [
        torch.nn.functional.cross_entropy(student[j] / 0.1, wanted[i]) for i, j in ((0, 1), (1, 0))
    ]
    torch.testing.assert_close(loss, sum(expected) / 2)


def test_the_teacher_drops_nothing_while_the_student_does():
    model = create_model("vit3d", 2, SHAPE, width=12, depth=2, stochastic_depth=0.5, dropout=0.5)
    method = Dino(model, 2, SHAPE, prototypes=8).train()
    cuboids = structured(8)
    with torch.no_grad():
        said = [features(method.teacher, cuboids) for _ in range(2)]
        heard = [features(method.student, cuboids) for _ in range(2)]
    assert torch.equal(*said)
    assert not torch.equal(*heard)


@pytest.mark.slow
@pytest.mark.parametrize("name", OPTIONS)
def test_any_network_with_a_backbone_can_be_distilled(name):
    method = student_and_teacher(name)
    check_method("dino", name, method.student)
    before = copy.deepcopy(method.teacher.state_dict())
    one_step(method)
    figures = method.figures()
    assert all(math.isfinite(figure) for figure in figures.values())
    moved = [n for n, t in method.teacher.named_parameters() if not torch.equal(t, before[n])]
    assert len(moved) > 0.5 * len(backbone_parameters(method.teacher))


def test_local_crops_are_parts_of_the_cuboid_at_its_size():
    ramp = torch.linspace(0, 1, 16).expand(50, 1, 8, 16, 16)
    crops = local_crop(ramp, generator())
    assert crops.shape == ramp.shape
    covered = (crops.amax(dim=(1, 2, 3, 4)) - crops.amin(dim=(1, 2, 3, 4))) / (15 / 16)
    assert 0.4 < covered.min() < 0.6
    assert 0.7 < covered.max() < 0.85
    assert torch.unique(crops[:, 0, 0, 0, 0]).numel() > 40


def test_figures_against_collapse():
    same, different = torch.ones(16, 8), torch.eye(16)
    assert float(spread(same)) == pytest.approx(0, abs=1e-3)
    assert float(spread(different)) == pytest.approx(1, abs=0.05)
    assert float(information(torch.full((16, 8), 1 / 8))) == pytest.approx(0, abs=1e-6)
    assert float(information(torch.eye(8)[:1].expand(16, -1))) == pytest.approx(0, abs=1e-6)
    assert float(information(different)) == pytest.approx(math.log(16), abs=1e-5)


def test_projections_are_of_length_1():
    torch.manual_seed(0)
    said = Projection(5, 100)(torch.randn(20, 5) * 100)
    assert said.shape == (20, 100)
    assert said.abs().max() <= 1.0001


@pytest.mark.slow
def test_distillation_does_not_collapse_and_learns_what_cells_are():
    """From few labels more can be read of its features than of a random network's."""
    random = np.random.default_rng(0)
    is_cell = random.permutation(160) < 80
    logs = np.log1p(blobs(is_cell, 0).astype(np.float32))
    cuboids = torch.from_numpy((logs - np.median(logs)) / logs.std()).float()
    torch.manual_seed(0)
    model = create_model("resnet", 2, SHAPE, depth=18, width=4)
    method = Dino(model, 2, SHAPE, local_views=1, prototypes=64, teacher_momentum=0.97)
    before = separation(method.network, cuboids, is_cell)
    optimiser = torch.optim.AdamW([p for p in method.parameters() if p.requires_grad], 0.001)
    draw, figures = generator(), []
    for step in range(120):
        rows = torch.randint(len(cuboids), (32,), generator=draw)
        method.train()
        loss = method.loss(
            lambda rows=rows: augment(cuboids[rows], VOXEL_SIZE, DEFAULTS["augmentation"], draw),
            draw,
        )
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        method.after_step(step / 120)
        figures.append(method.figures())
    last = pd.DataFrame(figures)[-20:].mean()
    assert last["spread"] > 0.2
    assert last["information"] > 0.5
    assert separation(method.network, cuboids, is_cell) > max(0.9, before)


def separation(model, cuboids, is_cell) -> float:
    """Accuracy on the other cuboids of the nearest mean of 20 labelled ones."""
    model.eval()
    with torch.no_grad():
        found = features(model, cuboids).numpy()
    found = (found - found.mean(axis=0)) / (found.std(axis=0) + 1e-6)
    means = [found[:20][is_cell[:20] == kind].mean(axis=0) for kind in (False, True)]
    distances = [((found[20:] - mean) ** 2).sum(axis=1) for mean in means]
    return float(((distances[1] < distances[0]) == is_cell[20:]).mean())


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
    assert list(history["epoch"]) == list(range(1, settings.recipe["epochs"] + 1))
    assert not list(path.parents[1].glob("checkpoint*"))


@BOTH
def test_a_network_starts_from_it(settings, unbroken):
    path = unbroken[settings.name]
    torch.manual_seed(5)
    model = create_model(settings.architecture, 2, SHAPE, **settings.options)
    head = [p.clone() for p in head_parameters(model)]
    cuboids = (2, SHAPE, (5.0, 2.0, 2.0), settings.recipe["normalisation"])
    tensors = read_starting_point(path, settings.architecture, settings.options, *cuboids)
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
    assert epochs == list(range(2, settings.recipe["epochs"] + 1))
    assert_same_results(path, unbroken[settings.name])


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
    read = run.Cuboids.raw

    def raw(self, rows):
        seen.extend(zip(self._brain[rows], self._candidate[rows], strict=True))
        return read(self, rows)

    monkeypatch.setattr(run.Cuboids, "raw", raw)
    train(tmp_path, stores, with_recipe(MAE, epochs=1))
    assert sorted(seen) == [(brain, i) for brain in range(2) for i in range(30)]


def test_a_pass_takes_no_more_cuboids_than_asked_for(stores, tmp_path, monkeypatch):
    seen = []
    read = run.Cuboids.raw

    def raw(self, rows):
        seen.append(len(rows))
        return read(self, rows)

    monkeypatch.setattr(run.Cuboids, "raw", raw)
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
    monkeypatch.setattr(run, "step", lambda *_: torch.tensor(math.nan))
    with pytest.raises(InputError, match="nan in epoch 1.*set a learning_rate below 0.001"):
        train(tmp_path, stores)
    assert not list(tmp_path.rglob("backbone.*"))


def test_a_collapse_is_noted(stores, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(run, "COLLAPSED", 100)
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
    train(tmp_path, stores, DINO, progress=True)
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
