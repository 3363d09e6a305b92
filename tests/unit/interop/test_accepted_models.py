"""A finished model becomes an arm's own: the same scores, checked, whole or not at all."""

import numpy as np
import pytest
from finished_models import SHAPE, SIZE, write_model
from keras_networks import cellfinder_network, keras_logits

from cellsift.cuboids.store import CuboidStore
from cellsift.cuboids.writer import new_store
from cellsift.errors import InputError
from cellsift.inference.classify import classify_brain, score_brain
from cellsift.interop.accepted_models import check_finished_model
from cellsift.interop.finished_models import describe_model
from cellsift.io.json_files import read_json, write_json
from cellsift.results import ModelFolder
from cellsift.steps.accept_fold import accept_fold
from cellsift.steps.accept_model import accept_model

OF_CELLFINDER = (20, 50, 50)


def accept(model, folder, threshold=None) -> ModelFolder:
    """What the rules do with a finished model."""
    files = ModelFolder(folder)
    described = describe_model(str(model))
    folds = [files.sidecar(fold) for fold in range(len(described.folds))]
    for fold, path in enumerate(folds):
        accept_fold(described.path, fold, path)
    accept_model(described.path, described.learnt_from, folds, threshold, files.description)
    return files


def store_of(path, shape, voxel_size, channels=1, count=8) -> CuboidStore:
    """A store of cuboids with something in them."""
    random = np.random.default_rng(3)
    cuboids = random.integers(0, 4000, (count, channels, *shape)).astype(np.uint16)
    cuboids[::2] //= 10
    positions, padded = random.uniform(0, 500, (count, 3)), np.zeros(count, bool)
    order = np.arange(count)
    with new_store(path, positions, padded, order, cuboids.shape[1:], voxel_size) as writer:
        writer.append(cuboids)
    return CuboidStore.open(path)


def test_an_accepted_model_gives_the_scores_of_the_one_it_is_from(tmp_path):
    source = write_model(tmp_path / "source", folds=3)
    accepted = accept(source, tmp_path / "results" / "models" / "mine").path
    store = store_of(tmp_path / "cuboids.zarr", SHAPE, SIZE)
    expected = classify_brain(source, store, device="cpu")
    assert classify_brain(accepted, store, device="cpu").equals(expected)
    assert np.ptp(score_brain(source, store, device="cpu")) > 0
    made = read_json(accepted / "fold-2.json")["provenance"]
    assert made == read_json(source / "fold-2.json")["provenance"]


def test_networks_of_other_names_are_numbered_as_those_of_trained_arms(tmp_path):
    source = write_model(tmp_path / "source", folds=1)
    for ending in ("json", "safetensors"):
        (source / f"fold-0.{ending}").rename(source / f"best.{ending}")
    write_json(read_json(source / "model.json") | {"folds": ["best.json"]}, source / "model.json")
    accepted = accept(source, tmp_path / "mine")
    assert accepted.weights(0).is_file()
    assert read_json(accepted.description)["folds"] == ["fold-0.json"]


def test_its_description_says_where_it_is_from_and_keeps_its_calibration(tmp_path):
    source = write_model(tmp_path / "source", judged_on=["y"])
    content = read_json(accept(source, tmp_path / "mine").description)
    assert content["finished"] == {
        "model": str(source),
        "learnt_from": ["x", "y"],
        "calibrated": True,
    }
    assert (content["temperature"], content["threshold"]) == (1.5, 0.4)
    assert content["calibration"]["criterion"] == {"recall": 0.9}


def test_a_threshold_given_stands_in_place_of_its_own(tmp_path):
    content = read_json(
        accept(write_model(tmp_path / "source"), tmp_path / "mine", 0.7).description
    )
    assert content["threshold"] == content["calibration"]["threshold"] == 0.7


def test_weights_of_another_model_are_refused_and_nothing_is_left(tmp_path):
    source = write_model(tmp_path / "source")
    (source / "fold-0.safetensors").rename(source / "fold-1.safetensors")
    write_model(tmp_path / "other")
    (tmp_path / "other" / "fold-1.safetensors").rename(source / "fold-0.safetensors")
    with pytest.raises(InputError, match="holds other weights than those fold-0.json"):
        accept(source, tmp_path / "mine")
    assert not (tmp_path / "mine").exists() or not list((tmp_path / "mine").iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("name", ["weights.h5", "whole.keras"])
@pytest.mark.parametrize("channels", [1, 2])
def test_cellfinders_weights_decide_as_cellfinder_does(tmp_path, name, channels):
    """From 0.5 on a candidate is a cell: where the second of its two answers is the likelier."""
    network = cellfinder_network(channels=channels)
    network.save(tmp_path / name)
    accepted = accept(tmp_path / name, tmp_path / "mine").path
    store = store_of(tmp_path / "cuboids.zarr", OF_CELLFINDER, (5.0, 1.0, 1.0), channels)
    answers = keras_logits(network, store.read(np.arange(len(store))).astype(np.float32))
    expected = answers[:, 1] - answers[:, 0]
    logits = score_brain(accepted, store, device="cpu")
    np.testing.assert_allclose(logits, expected, rtol=0, atol=1e-4 * np.abs(expected).max())
    assert np.ptp(expected) > 0.1 * np.abs(expected).max(), "inputs tell apart"
    cells = classify_brain(accepted, store, device="cpu")
    assert (cells["is_cell"] == (answers.argmax(axis=1) == 1)).all()
    content = read_json(accepted / "model.json")
    assert content["finished"]["calibrated"] is False
    assert (content["temperature"], content["threshold"]) == (1.0, 0.5)
    check_finished_model(describe_model(str(tmp_path / name)), channels)
    with pytest.raises(InputError, match="background"):
        check_finished_model(describe_model(str(tmp_path / name)), 3 - channels)


@pytest.mark.slow
def test_cellfinders_weights_for_other_cuboids_are_refused(tmp_path):
    cellfinder_network((17, 40, 31)).save(tmp_path / "other.keras")
    with pytest.raises(InputError, match="is not for cuboids of .20, 50, 50. voxels"):
        accept(tmp_path / "other.keras", tmp_path / "mine")
    assert not list(tmp_path.glob("mine/*"))


def test_a_file_that_is_none_of_keras_is_refused(tmp_path):
    (tmp_path / "weights.h5").write_bytes(b"no weights")
    model = describe_model(str(tmp_path / "weights.h5"))
    with pytest.raises(InputError, match="no whole Keras file"):
        check_finished_model(model, 2)
    with pytest.raises(InputError, match="no whole Keras file"):
        accept(tmp_path / "weights.h5", tmp_path / "mine")
