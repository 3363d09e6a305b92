"""Folders of models as runs leave them, of networks that have learnt nothing."""

import json
from pathlib import Path

import torch

from cellsift.cuboids.normalisation import Normalisation
from cellsift.models import create_model
from cellsift.models.storage import network_part, save_model

SHAPE, SIZE = (12, 17, 17), (5.0, 3.0, 3.0)
NARROW = {"depth": 18, "width": 4}


def write_model(folder: Path, channels=1, shape=SHAPE, size=SIZE, folds=2, **provenance) -> Path:
    """Write an arm's folder, calibrated to a temperature of 1.5 and a threshold of 0.4."""
    folder.mkdir(exist_ok=True)
    torch.manual_seed(0)
    part = network_part("resnet", NARROW, (channels, shape, size), Normalisation())
    made = {"arm": "small", "brains": ["x"]} | provenance
    for fold in range(folds):
        network = create_model("resnet", channels, shape, **NARROW)
        sidecar = part | {"provenance": made | {"fold": fold}, "logit_offset": 0.3}
        save_model(folder / f"fold-{fold}.json", network, sidecar)
    calibration = {"temperature": 1.5, "threshold": 0.4, "criterion": {"recall": 0.9}, "n": 90}
    description = {
        **part,
        "temperature": 1.5,
        "threshold": 0.4,
        "calibration": calibration | {"f1": 0.8},
        "provenance": made,
        "folds": [f"fold-{fold}.json" for fold in range(folds)],
    }
    (folder / "model.json").write_text(json.dumps(description))
    return folder
