"""A trained arm as one file: all that goes with it, the same to the byte, and as it was."""

import io
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import yaml
from safetensors.torch import load_file, save_file
from small_release import TEXTS
from synthetic_cuboids import SHAPE, blobs, write_store

from cellsift.calibration.description import read_description
from cellsift.cuboids.store import CuboidStore
from cellsift.errors import InputError
from cellsift.inference.classify import classify_brain
from cellsift.inference.trained_arm import load_arm
from cellsift.io.checksums import file_sha256
from cellsift.releases.card import make_card, with_name
from cellsift.releases.card_text import card_text
from cellsift.releases.fetch import fetch, model_folder
from cellsift.releases.manifest import MANIFEST
from cellsift.releases.pack import pack
from cellsift.releases.parity import check_parity
from cellsift.releases.snapshot import read_snapshot, write_snapshot
from cellsift.releases.texts import Texts, read_texts
from cellsift.results import Results

ONNX = "onnx/narrow/fold-0.onnx"


@pytest.fixture
def archive(made) -> Path:
    return made / "models" / "blobs-1.0.0.zip"


def members(archive: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(archive) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def test_a_release_has_all_that_goes_with_a_model(made, archive):
    found = members(archive)
    model = Results(made / "results").model("narrow")
    for file in (model.description, *(model.weights(n) for n in (0, 1)), model.sidecar(1)):
        assert found[f"models/narrow/{file.name}"] == file.read_bytes()
    assert {ONNX, "onnx/narrow/fold-1.onnx", "card.md", "card.json"} < set(found)
    assert {"parity.safetensors", "snapshot/config.yaml", "snapshot/environment.json"} < set(found)
    told = json.loads(found[MANIFEST])["members"]
    assert set(told) == set(found) - {MANIFEST}
    assert all(told[name]["size"] == len(found[name]) for name in told)


@pytest.mark.slow
def test_two_packs_of_a_run_are_equal_to_the_byte(made, archive, tmp_path):
    """Also in another process, in which sets have another order."""
    (tmp_path / "card.yaml").write_text(yaml.safe_dump(TEXTS))
    command = [sys.executable, "-m", "cellsift.cli", "release", made / "results", "narrow"]
    command += ["--name", "blobs", "--to", tmp_path, "--card", tmp_path / "card.yaml"]
    done = subprocess.run(
        command, env=os.environ | {"PYTHONHASHSEED": "7"}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert file_sha256(tmp_path / archive.name) == file_sha256(archive)
    assert str(tmp_path / archive.name) in done.stdout


def test_nothing_of_this_machine_travels_along(made, archive, repository):
    content = archive.read_bytes()
    for path in (str(made), str(repository), sys.prefix, "/disk/of/mine", str(Path.home())):
        if len(path) > 1:
            assert path.encode() not in content, path


def test_the_card_says_what_is_known_and_that_the_rest_is_unknown(archive):
    found = members(archive)
    text, card = found["card.md"].decode(), json.loads(found["card.json"])
    assert text.startswith("# blobs 1.0.0\n\nCells of two made-up brains.")
    assert "## Intended use\n\nunknown" in text
    assert "## Tissue\n\nBlobs in noise." in text
    assert "0.872 (0.849 to 0.893)" in text
    assert "never fitted on" in text
    assert "| one | 5c2f58one |" in text
    assert "commit c0ffee" in text
    assert "Two brains of one mouse." in text
    assert "another" not in text
    assert card["calibration"]["cells"] > 10
    assert [brain["name"] for brain in card["training"]["brains"]] == ["one", "two"]
    assert all(len(brain["labels_sha256"]) == 64 for brain in card["training"]["brains"])


def test_a_card_of_results_without_tables_says_so(made, tmp_path):
    results = Results(tmp_path / "results")
    shutil.copytree(made / "results" / "models", results.path / "models")
    folder = results.model("narrow").path
    run = read_snapshot(results, read_description(folder)["provenance"])
    card = make_card(results, "narrow", load_arm(folder), Texts(), run)
    text = card_text(with_name(card, "bare", "1.0.0"))
    assert "Validation: held-out figures\n\nunknown" in text
    assert "| one | unknown | unknown |" in text
    assert "commit unknown" in text
    write_snapshot(run, tmp_path / "snapshot")
    (noted,) = (tmp_path / "snapshot").iterdir()
    assert json.loads(noted.read_text())["commit"] is None
    assert json.loads(noted.read_text())["environment"]["torch"]


def test_a_model_classifies_the_same_cells_after_the_journey(made, archive, tmp_path):
    store = write_store(tmp_path / "new.zarr", blobs(np.arange(40) % 2 == 0, 9))
    before = classify_brain(made / "results" / "models" / "narrow", store)
    assert 0 < before["is_cell"].sum() < 40
    after = classify_brain(model_folder(archive), store)
    assert after.equals(before)


@pytest.mark.slow
def test_an_ensemble_travels_with_its_members(made, tmp_path):
    pack(made / "results", "both", "ensemble", tmp_path)
    store = write_store(tmp_path / "new.zarr", blobs(np.arange(40) % 2 == 0, 9))
    before = classify_brain(made / "results" / "models" / "both", store)
    after = classify_brain(model_folder(tmp_path / "ensemble-1.0.0.zip"), store)
    assert after.equals(before)
    assert ONNX in members(tmp_path / "ensemble-1.0.0.zip")


def test_onnx_files_in_it_give_p_cell_of_raw_cuboids(archive, tmp_path):
    """By what model.json and the card say, without torch or cellsift."""
    found, store = (
        members(archive),
        write_store(tmp_path / "new.zarr", blobs(np.arange(20) % 2 == 0, 9)),
    )
    cuboids = store.read(np.arange(20)).astype(np.float32)
    statistics = (store.log_median, store.log_spread)
    given = {
        "cuboids": cuboids,
        "log_median": np.tile(np.float32(statistics[0]), (20, 1)),
        "log_spread": np.tile(np.float32(statistics[1]), (20, 1)),
    }
    logits = [
        onnxruntime.InferenceSession(found[f"onnx/narrow/fold-{n}.onnx"]).run(None, given)[0]
        for n in (0, 1)
    ]
    model = json.loads(found["models/narrow/model.json"])
    p_cell = 1 / (1 + np.exp(-np.mean(logits, axis=0) / model["temperature"]))
    expected = classify_brain(model_folder(archive), CuboidStore.open(tmp_path / "new.zarr"))
    np.testing.assert_allclose(p_cell, expected["p_cell"], atol=1e-4)
    assert np.ptp(p_cell) > 0.1


def test_another_model_under_a_published_name_is_noticed_by_its_logits(archive):
    found = fetch(archive)
    assert check_parity(load_arm(found.model), found.folder / "parity.safetensors") < 1e-5
    weights = found.model / "fold-0.safetensors"
    tensors = {
        name: tensor * 1.05 if tensor.is_floating_point() else tensor
        for name, tensor in load_file(weights).items()
    }
    save_file(tensors, weights)
    sidecar = found.model / "fold-0.json"
    sidecar.write_text(json.dumps(json.loads(sidecar.read_text()) | {"weights_sha256": None}))
    with pytest.raises(InputError, match="differ by up to"):
        check_parity(load_arm(found.model), found.folder / "parity.safetensors")


@pytest.mark.parametrize(
    ("arm", "name", "version", "said"),
    [
        ("absent", "blobs", "1.0.0", "has no trained arm 'absent' .there are: both, narrow, other"),
        ("narrow", "../blobs", "1.0.0", "cannot be the name"),
        ("narrow", "blobs", "latest", "cannot be the version"),
        ("narrow", "blobs", "1.0", "cannot be the version"),
    ],
)
def test_what_cannot_be_packed_is_refused_and_nothing_is_written(
    made, tmp_path, arm, name, version, said
):
    with pytest.raises(InputError, match=said):
        pack(made / "results", arm, name, tmp_path / "models", version)
    assert not (tmp_path / "models").exists()


def test_a_damaged_arm_is_not_packed(made, tmp_path):
    shutil.copytree(made / "results", tmp_path / "results")
    weights = Results(tmp_path / "results").model("narrow").weights(1)
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(InputError, match="fold-1"):
        pack(tmp_path / "results", "narrow", "blobs", tmp_path / "models")
    assert not (tmp_path / "models").exists()


def test_texts_of_a_card_have_known_keys_only(tmp_path):
    path = tmp_path / "card.yaml"
    path.write_text("license: MIT\n")
    with pytest.raises(InputError, match=r"card\.yaml.*license.*licence"):
        read_texts(path)
    path.write_text(yaml.safe_dump(TEXTS))
    assert read_texts(path).authors == ["Jane Doe"]
    assert read_texts(None).licence is None


@pytest.mark.slow
def test_bioimageio_passes_its_own_test_of_a_package(archive, tmp_path):
    core = pytest.importorskip("bioimageio.core")
    from cellsift.releases.bioimageio import write_bioimageio

    path = write_bioimageio(fetch(archive), tmp_path / "blobs.bioimageio.zip")
    summary = core.test_description(path)
    assert summary.status == "passed", summary.format()


@pytest.mark.slow
def test_a_package_for_bioimageio_is_the_same_to_the_byte_and_tells_its_checksums(
    archive, tmp_path
):
    from cellsift.releases.bioimageio import write_bioimageio

    found = fetch(archive)
    one, two = (write_bioimageio(found, tmp_path / f"{n}.zip").read_bytes() for n in "ab")
    assert one == two
    content = members(tmp_path / "a.zip")
    told = yaml.safe_load(content["rdf.yaml"])
    assert told["license"] == "CC-BY-4.0"
    assert told["cite"][0]["doi"] == "10.1234/blobs"
    session = onnxruntime.InferenceSession(content[told["weights"]["onnx"]["source"]])
    given = {
        one["id"]: np.load(io.BytesIO(content[one["test_tensor"]["source"]]))
        for one in told["inputs"]
    }
    (p_cell,) = session.run(["p_cell"], given)
    wanted = np.load(io.BytesIO(content[told["outputs"][0]["test_tensor"]["source"]]))
    np.testing.assert_allclose(p_cell, wanted, atol=1e-5)
    for file in (told["documentation"], told["weights"]["onnx"], told["inputs"][0]["test_tensor"]):
        (tmp_path / "member").write_bytes(content[file["source"]])
        assert file_sha256(tmp_path / "member") == file["sha256"]
    assert [axis.get("size") for axis in told["inputs"][0]["axes"][2:]] == list(SHAPE)
