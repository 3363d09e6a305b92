"""What a finished pre-training leaves: the backbone and the history."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cellsift.models.backbone import head_tensors
from cellsift.models.storage import save_tensors
from cellsift.settings.pretraining import Pretraining
from cellsift.training.pretraining.backbone_training import BackboneTraining
from cellsift.training.records import versions, write_history

logger = logging.getLogger(__name__)

STEM = "backbone"
# Less information than this in the teacher's answers, nats: it says the same of everything.
COLLAPSED = 0.05


def write_backbone(
    settings: Pretraining, training: BackboneTraining, run: Mapping[str, Any], folder: Path
) -> Path:
    """Write the history and the backbone; return its JSON's path.

    Args:
        run: how it was run and on which brains, for the provenance.
    """
    last = training.history[-1]
    if last.get("information", 1) < COLLAPSED:
        logger.warning(
            "pre-training %s collapsed: it says the same of all cuboids (information %.4f); set "
            "another learning_rate, more epochs, or a smaller teacher_momentum",
            settings.name,
            last["information"],
        )
    write_history(training.history, folder)
    channels, shape, voxel_size = training.data.layout
    network = training.method.network
    of_head = head_tensors(network)
    sidecar = {
        "architecture": settings.architecture,
        "options": dict(settings.options),
        "in_channels": channels,
        "cuboid": {"shape": list(shape), "voxel_size": list(voxel_size)},
        "normalisation": training.normalisation.to_dict(),
        "pretraining": settings.to_dict(),
        "provenance": {
            **run,
            "cuboids": len(training.data),
            "epochs": len(training.history),
            "loss": round(last["train_loss"], 6),
            "versions": versions(),
        },
    }
    tensors = {name: t for name, t in network.state_dict().items() if name not in of_head}
    return save_tensors(folder, STEM, tensors, sidecar)
