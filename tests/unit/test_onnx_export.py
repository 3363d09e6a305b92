"""A stored model as an ONNX file: it gives the same logits, and tells what it wants."""

import json

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from cellsift.interop.onnx_export import main
from cellsift.models import create_model
from cellsift.models.normalisation import Normalisation
from cellsift.models.storage import save_model

SHAPE = (12, 25, 25)
NETWORKS = {"resnet": {"depth": 18, "width": 8}, "vit3d": {"width": 48, "depth": 3}}


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_its_logits_are_those_of_the_stored_model(name, tmp_path, capsys):
    torch.manual_seed(0)
    model = create_model(name, 2, SHAPE, **NETWORKS[name])
    cuboids = torch.randn(5, 2, *SHAPE)
    # A step or two, as logits of a new network are all alike.
    optimiser = torch.optim.AdamW(model.parameters(), 1e-3)
    for _ in range(5):
        loss = torch.nn.functional.cross_entropy(model(cuboids), torch.tensor([0, 1, 0, 1, 0]))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    sidecar = {
        "architecture": name,
        "options": NETWORKS[name],
        "in_channels": 2,
        "cuboid": {"shape": list(SHAPE), "voxel_size": [5.0, 2.0, 2.0]},
        "normalisation": Normalisation.named("brain").to_dict(),
        "provenance": {},
    }
    stored, path = save_model(tmp_path, "fold-0", model, sidecar), tmp_path / "model.onnx"
    assert main([str(stored), str(path)]) == 0
    assert str(path) in capsys.readouterr().out
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    with torch.inference_mode():
        expected = model.eval()(cuboids).numpy()
    for some in (1, 5):
        (found,) = session.run(["logits"], {"cuboids": cuboids[:some].numpy()})
        np.testing.assert_allclose(found, expected[:some], atol=1e-4)
    assert np.ptp(expected) > 0.1
    (told,) = [entry.value for entry in onnx.load(path).metadata_props if entry.key == "cellsift"]
    assert json.loads(told)["normalisation"] == sidecar["normalisation"]


def test_what_is_no_model_is_refused_and_nothing_is_written(tmp_path, capsys):
    assert main([str(tmp_path / "fold-0.json"), str(tmp_path / "model.onnx")]) == 2
    assert "fold-0.json" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
