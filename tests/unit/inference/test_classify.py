"""Classification: every candidate a score that depends on its cuboid and the models alone."""

import itertools
import json
import math
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from synthetic_cuboids import SHAPE, VOXEL_SIZE, blobs, make_brains, narrow_arm, write_store
from torch import nn
from trained_folds import train_in

from cellsift.calibration.description import write_description
from cellsift.cuboids.batches import Cuboids
from cellsift.cuboids.normalisation import Normalisation
from cellsift.cuboids.store import CuboidStore
from cellsift.errors import InputError
from cellsift.inference import cost
from cellsift.inference.classify import classify_brain, score_chunk, score_store
from cellsift.inference.cost import measure_cost
from cellsift.inference.scoring import SCORING_BATCH
from cellsift.inference.trained_arm import load_arm
from cellsift.io.json_files import read_json, write_json
from cellsift.io.tables import write_array, write_table
from cellsift.models import create_model
from cellsift.models.storage import save_model

NORMALISATION = Normalisation.named("dataset", (4.6, 4.6), (0.1, 0.1))
CALIBRATION = {"temperature": 2.0, "threshold": 0.4}


def write_models(folder, seeds=(0, 1), change=None, **sidecar):
    """Write an arm of models with random weights and return its folder."""
    files = []
    for number, seed in enumerate(seeds):
        torch.manual_seed(seed)
        model = create_model("resnet", 2, SHAPE, depth=18, width=4)
        if change is not None:
            change(model)
        content = {
            "architecture": "resnet",
            "options": {"depth": 18, "width": 4},
            "in_channels": 2,
            "cuboid": {"shape": list(SHAPE), "voxel_size": list(VOXEL_SIZE)},
            "normalisation": NORMALISATION.to_dict(),
            "provenance": {},
        }
        files.append(save_model(folder / f"fold-{number}.json", model, content | sidecar))
    write_description(folder, files, CALIBRATION)
    return folder


@pytest.fixture(scope="module")
def cuboids() -> np.ndarray:
    return blobs(np.arange(70) % 2 == 0, seed=3)


@pytest.fixture(scope="module")
def store(cuboids, tmp_path_factory):
    return write_store(tmp_path_factory.mktemp("store") / "brain.zarr", cuboids)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_models(tmp_path_factory.mktemp("models"))


def test_row_i_is_candidate_i_with_its_position(folder, store):
    cells = classify_brain(folder, store)
    assert list(cells) == ["z", "y", "x", "p_cell", "is_cell"]
    np.testing.assert_array_equal(cells[["z", "y", "x"]], store.positions)
    assert cells["p_cell"].between(0, 1).all()
    assert cells["p_cell"].nunique() > 60


def test_the_description_of_the_models_says_how_they_were_made(tmp_path):
    made = {"seed": 7, "recipe": {"epochs": 3}, "brains": ["b", "c"]}
    write_models(tmp_path, provenance=made)
    described = read_json(tmp_path / "model.json")
    assert described["normalisation"] == NORMALISATION.to_dict()
    assert {key: described["provenance"][key] for key in made} == made
    other = read_json(tmp_path / "fold-1.json")
    other["normalisation"] = Normalisation.named("dataset", (4.8, 4.9), (0.1, 0.1)).to_dict()
    other["provenance"]["brains"] = ["a", "c"]
    write_json(other, tmp_path / "fold-1.json")
    write_description(tmp_path, [tmp_path / "fold-0.json", tmp_path / "fold-1.json"], CALIBRATION)
    described = read_json(tmp_path / "model.json")
    assert described["normalisation"] == [NORMALISATION.to_dict(), other["normalisation"]]
    assert described["provenance"]["brains"] == ["a", "b", "c"]


def test_the_mean_logit_of_the_models_is_divided_by_the_temperature(folder, store):
    logits = score_store(load_arm(folder), store)
    assert logits.shape == (70, 2)
    cells = classify_brain(folder, store)
    expected = 1 / (1 + np.exp(-logits.mean(axis=1) / 2.0))
    np.testing.assert_allclose(cells["p_cell"], expected, atol=1e-6)
    assert (cells["is_cell"] == (cells["p_cell"] >= 0.4)).all()


def test_a_logit_is_that_of_cell_against_no_cell_plus_the_offset(folder, store, cuboids, tmp_path):
    shifted = score_store(load_arm(write_models(tmp_path, logit_offset=-1.5)), store)
    arm = load_arm(folder)
    with torch.no_grad():
        output = arm.scorers[0].model(NORMALISATION.apply(cuboids)).numpy()
    np.testing.assert_allclose(
        shifted[:, 0], output[:, 1] - output[:, 0] - 1.5, rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize("count", [1, SCORING_BATCH - 1, SCORING_BATCH, SCORING_BATCH + 1])
def test_a_score_does_not_depend_on_the_other_candidates(folder, store, cuboids, tmp_path, count):
    chosen = np.random.default_rng(count).permutation(len(cuboids))[:count]
    part = write_store(tmp_path / "part.zarr", cuboids[chosen])
    arm = load_arm(folder)
    np.testing.assert_array_equal(score_store(arm, part), score_store(arm, store)[chosen])


@pytest.fixture(scope="module")
def chunk_stores(cuboids, tmp_path_factory):
    """The same brain, its cuboids in seven stores, one of them empty."""
    folder = tmp_path_factory.mktemp("chunks")
    positions = np.linspace(0, 500, 70)[:, None] * (1, 1, 1)
    edges = [0, 3, 30, 30, 33, 50, 65, 70]
    rows = [slice(*ends) for ends in itertools.pairwise(edges)]
    for number, part in enumerate(rows):
        write_store(folder / f"{number}.zarr", cuboids[part], positions[part])
    write_store(folder / "whole.zarr", cuboids, positions)
    return folder


@pytest.mark.parametrize("chunks", [1, 2, 3, 7])
@pytest.mark.parametrize("normalisation", [NORMALISATION, Normalisation.named("brain")])
def test_chunks_give_the_file_of_the_undivided_brain(chunk_stores, tmp_path, chunks, normalisation):
    folder = write_models(tmp_path / "models", normalisation=normalisation.to_dict())
    whole = classify_brain(folder, CuboidStore.open(chunk_stores / "whole.zarr"))
    write_table(whole, tmp_path / "whole.csv")
    store = CuboidStore.open([chunk_stores / f"{number}.zarr" for number in range(7)])
    for chunk in range(1, chunks + 1):
        write_array(score_chunk(folder, store, chunk, chunks), tmp_path / f"{chunk}.npy")
    logits = [np.load(tmp_path / f"{chunk}.npy") for chunk in range(1, chunks + 1)]
    cells = classify_brain(folder, store, logits=np.concatenate(logits))
    write_table(cells, tmp_path / "cells.csv")
    assert (tmp_path / "cells.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()
    np.testing.assert_array_equal(np.concatenate(logits), score_chunk(folder, store))


def test_networks_get_the_same_batches_whatever_the_chunks(folder, store, monkeypatch):
    def batches(chunks):
        seen = []
        monkeypatch.setattr(
            Cuboids,
            "on_device",
            lambda self, rows, device: (
                seen.append(tuple(self._candidate[rows])) or on_device(self, rows, device)
            ),
        )
        for chunk in range(1, chunks + 1):
            score_chunk(folder, store, chunk, chunks)
        return seen

    on_device = Cuboids.on_device
    undivided = batches(1)
    assert [len(batch) for batch in undivided] == [SCORING_BATCH] * 3
    assert all(batches(chunks) == undivided for chunks in (2, 3, 7))


def test_scores_of_too_few_chunks_are_refused(folder, store):
    with pytest.raises(InputError, match="scores of 64 candidates, the brain has 70"):
        classify_brain(folder, store, logits=np.zeros(64))


def test_a_brain_without_candidates_has_an_empty_table(folder, cuboids, tmp_path):
    empty = write_store(tmp_path / "empty.zarr", cuboids[:0])
    cells = classify_brain(folder, empty)
    assert list(cells) == ["z", "y", "x", "p_cell", "is_cell"]
    assert cells.empty


def test_a_brain_that_was_trained_on_keeps_its_out_of_fold_scores(folder, store):
    known = pd.DataFrame(
        {"brain": "a", "candidate": np.arange(70)[::-1], "logit": np.linspace(-3, 3, 70)}
    )
    cells = classify_brain(folder, store, known)
    assert cells["p_cell"].is_monotonic_decreasing
    assert cells["p_cell"].iloc[0] == pytest.approx(1 / (1 + math.exp(-1.5)), abs=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.head(60), "name 60 candidates in 60 rows, the brain has 70"),
        (lambda t: pd.concat([t, t.head(1)]), "in 71 rows"),
        (lambda t: t.assign(logit=math.nan), "not finite"),
        (lambda t: t.drop(columns="logit"), "lack the columns logit"),
        (lambda t: t.assign(brain=["a", "b"] * 35), "several brains"),
    ],
)
def test_out_of_fold_scores_that_do_not_fit_the_brain_are_refused(folder, store, change, message):
    known = pd.DataFrame({"brain": "a", "candidate": np.arange(70), "logit": 0.0})
    with pytest.raises(InputError, match=message):
        classify_brain(folder, store, change(known))


def test_out_of_fold_scores_are_what_the_stored_model_gives(tmp_path):
    stores, table = make_brains(tmp_path, count=50)
    path = train_in(tmp_path, narrow_arm(epochs=2), (stores, table))
    write_description(tmp_path / "models", [path], CALIBRATION)
    scores = pd.read_csv(tmp_path / "training" / "scores.csv")
    arm = load_arm(tmp_path / "models")
    for brain, rows in scores.groupby("brain"):
        logits = score_store(arm, stores[brain])[rows["candidate"], 0]
        np.testing.assert_allclose(rows["logit"], logits, atol=1e-5)


def test_cuboids_unlike_those_trained_on_are_refused(folder, cuboids, tmp_path):
    single = write_store(tmp_path / "single.zarr", cuboids[:, :1])
    with pytest.raises(InputError, match="with or without a background"):
        classify_brain(folder, single)
    larger = write_store(tmp_path / "larger.zarr", blobs(np.ones(3, bool), 0, shape=(9, 16, 16)))
    with pytest.raises(InputError, match="extract its cuboids"):
        classify_brain(folder, larger)


def test_scores_that_are_not_finite_are_refused(store, tmp_path):
    def damage(model):
        with torch.no_grad():
            next(model.parameters()).fill_(math.nan)

    with pytest.raises(InputError, match="no finite score for 70 of 70 candidates"):
        classify_brain(write_models(tmp_path, change=damage), store)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"temperature": 0}, "above 0"),
        ({"threshold": 1.5}, "from 0 to 1"),
        ({"folds": []}, "names of files beside it"),
        ({"folds": ["../fold-0.json"]}, "names of files beside it"),
        ({"folds": ["fold-9.json"]}, "does not exist"),
        ({"folds": None}, "names of files beside it"),
        ({"temperature": None}, "no description of trained models"),
    ],
)
def test_a_damaged_description_of_the_models_is_refused(tmp_path, change, message):
    folder = write_models(tmp_path, seeds=(0,))
    write_json(read_json(folder / "model.json") | change, folder / "model.json")
    with pytest.raises(InputError, match=message):
        load_arm(folder)


def test_a_folder_without_models_is_refused(tmp_path, store):
    with pytest.raises(InputError, match="give the folder of a trained and calibrated arm"):
        classify_brain(tmp_path, store)
    (tmp_path / "model.json").write_text("{")
    with pytest.raises(InputError, match="model.json"):
        classify_brain(tmp_path, store)


def test_cost_counts_what_a_model_takes():
    history = pd.DataFrame({"epoch": [1, 2, 3], "seconds": [9.0, 2.0, 3.0]})
    small, large = (
        measure_cost(
            "resnet",
            {"depth": 18, "width": width},
            2,
            SHAPE,
            history=history,
            device="cpu",
            seconds=0.01,
        )
        for width in (4, 8)
    )
    model = create_model("resnet", 2, SHAPE, depth=18, width=4)
    assert small["parameters"] == sum(p.numel() for p in model.parameters())
    # Convolutions between features grow with the square of the width, the first one linearly.
    assert 2 < large["flops_per_cuboid"] / small["flops_per_cuboid"] < 4
    assert small["cuboids_per_second"] > 1
    assert small["peak_memory_mb"] > 50
    assert small["training_seconds_per_epoch"] == 3.0
    assert json.dumps(small)


@pytest.mark.parametrize(
    ("seconds_of_a_batch", "batches"),
    # Quick networks are measured for half a second, slow ones longer, the slowest three times.
    [(1 / 128, 64), (1 / 32, 16), (1 / 16, 15), (1 / 4, 8), (5, 3)],
)
def test_the_speed_of_a_network_is_measured_no_longer_than_it_takes(
    monkeypatch, seconds_of_a_batch, batches
):
    clock, sizes = SimpleNamespace(now=0.0), []

    class Slow(nn.Linear):
        def forward(self, cuboids):
            clock.now += seconds_of_a_batch
            sizes.append(len(cuboids))
            return cuboids

    monkeypatch.setattr(cost, "create_model", lambda *told, **options: Slow(1, 1))
    monkeypatch.setattr(cost.time, "perf_counter", lambda: clock.now)
    found = measure_cost("slow", {}, 1, (1, 1, 1), device="cpu")
    # One to warm up, and a single cuboid whose operations are counted.
    assert sizes == [SCORING_BATCH] * (1 + batches) + [1]
    assert found["cuboids_per_second"] == round(SCORING_BATCH / seconds_of_a_batch, 1)


def test_cost_agrees_with_the_published_layout():
    found = measure_cost(
        "resnet_cellfinder", {"depth": 18, "width": 16}, 2, (20, 50, 50), device="cpu", seconds=0.01
    )
    # cellfinder's ResNet-18 at a quarter of its width: 0.17 GFLOP, two per multiplication.
    assert found["flops_per_cuboid"] == pytest.approx(0.17e9, rel=0.05)
    assert found["training_seconds_per_epoch"] is None


def test_the_cost_of_attention_counts():
    """Of a block of a vision transformer, for t tokens of width d: 24 t d^2 and, for attention
    itself, 4 t^2 d."""
    few, many = (
        measure_cost(
            "vit3d", {"width": 48, "depth": depth}, 2, (20, 50, 50), device="cpu", seconds=0.01
        )["flops_per_cuboid"]
        for depth in (3, 4)
    )
    tokens, width = 101, 48
    assert many - few == 24 * tokens * width**2 + 4 * tokens**2 * width
