"""Releases of networks that have learnt from all annotated brains, after the comparison."""

import json
import shutil
import zipfile

import numpy as np
import pytest
from small_release import TEXTS
from synthetic_cuboids import blobs, make_brains, write_store
from trained_folds import run_options

from cellsift.calibration.description import read_description
from cellsift.errors import InputError
from cellsift.inference.classify import classify_brain
from cellsift.interop.finished_models import describe_model
from cellsift.io.json_files import read_json, write_json
from cellsift.releases.fetch import fetch, model_folder
from cellsift.releases.final import pack_final, write_final_models
from cellsift.releases.pack import pack
from cellsift.releases.texts import Texts
from cellsift.results import Results
from cellsift.settings.arms import Arm
from cellsift.settings.recipe import Recipe
from cellsift.training.classification.files import FinalFiles
from cellsift.training.classification.final import train_final

BRAINS = ("one", "two", "three")


@pytest.fixture
def results(made, tmp_path) -> Results:
    """The small run, with a final network of its arm "narrow" that knows the test brain "three"."""
    shutil.copytree(made / "results", tmp_path / "results")
    files = Results(tmp_path / "results")
    train(files, "narrow", tmp_path)
    return files


def train(results: Results, name: str, folder) -> None:
    stores, table = make_brains(folder / f"cuboids_{name}", BRAINS)
    final, training = results.final.model(name), results.final.training(name).fold("all")
    paths = (final.sidecar("all"), training.history, training.tensorboard, folder / f"{name}.pt")
    arm = Arm(name, "vit3d", {"width": 24, "depth": 1}, Recipe(epochs=2, batch_size=16))
    sidecars = [read_json(results.model(name).sidecar(fold)) for fold in (0, 1)]
    labels = table[["brain", "candidate", "label"]]
    train_final(arm, stores, labels, 0.0, sidecars, FinalFiles(*paths), run_options())


def pack_narrow(results: Results, to, **changes):
    given = {"arm": "narrow", "name": "blobs", "version": "1.0.0", "texts": Texts(**TEXTS)}
    return pack_final(results.path, to=to, **given | changes)


def test_the_network_that_knows_all_brains_travels_by_the_comparisons_threshold(results, tmp_path):
    path = results.model("narrow").description
    learnt = {"method": "dog", "parameters": {"soma_diameter": 14}}
    write_json(read_json(path) | {"detection": learnt}, path)
    pack_narrow(results, tmp_path / "models")
    folder = model_folder("blobs", str(tmp_path / "models"))
    described, compared = map(read_description, (folder, results.model("narrow").path))
    assert described["folds"] == ["fold-all.json"]
    for key in ("temperature", "threshold", "calibration", "detection"):
        assert described[key] == compared[key]
    store = write_store(tmp_path / "new.zarr", blobs(np.arange(40) % 2 == 0, 9))
    cells = classify_brain(folder, store)
    assert cells.equals(classify_brain(results.final.model("narrow").path, store))
    others = classify_brain(results.model("narrow").path, store)
    assert not np.allclose(cells["p_cell"], others["p_cell"])


def test_the_models_that_were_compared_stay_as_they_are(made, results, tmp_path):
    pack_narrow(results, tmp_path / "models")
    for file in (made / "results" / "models").rglob("*.*"):
        copy = results.path / file.relative_to(made / "results")
        assert copy.read_bytes() == file.read_bytes()


def test_the_card_says_that_its_figures_are_of_other_networks(results, tmp_path):
    pack_narrow(results, tmp_path / "models")
    packed = zipfile.ZipFile(tmp_path / "models" / "blobs-1.0.0.zip")
    card, text = json.loads(packed.read("card.json")), packed.read("card.md").decode()
    assert [brain["name"] for brain in card["training"]["brains"]] == ["one", "three", "two"]
    assert card["final"]["brains"] == ["one", "three", "two"]
    assert "These are figures of the comparison" in text
    assert "trained afterwards, once, on one, three, two" in text
    assert "0.872 (0.849 to 0.893)" in text


def test_the_card_of_networks_that_were_compared_says_nothing_of_it(results, tmp_path):
    pack(results.path, "narrow", "blobs", tmp_path / "models")
    packed = zipfile.ZipFile(tmp_path / "models" / "blobs-1.0.0.zip")
    assert "figures of the comparison" not in packed.read("card.md").decode()
    assert "final" not in json.loads(packed.read("card.json"))


def test_who_uses_it_learns_that_it_knows_the_test_brain(results, tmp_path):
    """By which a run refuses to judge it there (`project.models.refuse_known_brains`)."""
    pack_narrow(results, tmp_path / "models")
    folder = model_folder("blobs", str(tmp_path / "models"))
    assert set(describe_model(str(folder)).learnt_from) == set(BRAINS)
    compared = describe_model(str(results.model("narrow").path))
    assert "three" not in compared.learnt_from


@pytest.mark.slow
def test_an_ensemble_is_that_of_final_networks(results, tmp_path):
    train(results, "other", tmp_path)
    pack_narrow(results, tmp_path / "models", arm="both")
    release = fetch("blobs", str(tmp_path / "models"))
    members = {name for name in release.release.members if name.endswith(".safetensors")}
    assert {f"models/{name}/fold-all.safetensors" for name in ("narrow", "other")} < members
    card = read_json(release.folder / "card.json")
    assert set(card["final"]["epochs"]) == {"narrow", "other"}
    store = write_store(tmp_path / "new.zarr", blobs(np.arange(40) % 2 == 0, 9))
    assert len(classify_brain(release.model, store)) == 40


def test_the_same_networks_give_the_same_bytes(results, tmp_path):
    first, second = (pack_narrow(results, tmp_path / name) for name in ("a", "b"))
    assert first.sha256 == second.sha256


def test_a_version_that_is_there_is_not_changed(results, tmp_path):
    before = pack_narrow(results, tmp_path / "models")
    with pytest.raises(InputError, match="version that others may have is not changed"):
        pack_narrow(results, tmp_path / "models", texts=Texts(licence="MIT"))
    assert (tmp_path / "models" / before.file).is_file()


@pytest.mark.parametrize("final", [False, True])
def test_the_model_of_a_draft_is_not_released(results, tmp_path, final):
    path = results.model("narrow").description
    write_json(read_json(path) | {"draft": True}, path)
    packed = pack_narrow if final else lambda *_: pack(results.path, "narrow", "b", tmp_path / "m")
    with pytest.raises(InputError, match=r"is the model of a draft.*crossval"):
        packed(results, tmp_path / "m")
    assert not (tmp_path / "m").exists()


def test_without_its_network_nothing_is_written(results, tmp_path):
    results.final.model("narrow").sidecar("all").unlink()
    with pytest.raises((InputError, FileNotFoundError)):
        write_final_models(results, "narrow")
    assert not results.final.model("narrow").description.exists()
