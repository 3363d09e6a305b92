"""What a finished pre-training leaves: the backbone and the history."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from cellsift.models.backbone import head_tensors
from cellsift.models.storage import network_part, save_tensors
from cellsift.settings.pretraining import Pretraining
from cellsift.training.pretraining.backbone_training import BackboneTraining
from cellsift.training.records import versions, write_history

logger = logging.getLogger(__name__)

# Less information than this in the teacher's answers, nats: it says the same of everything.
COLLAPSED = 0.05


class BackboneFiles(Protocol):
    """Where a pre-training writes: `results.PretrainingFolder`, or a rule's outputs."""

    @property
    def sidecar(self) -> str | Path:
        """JSON of the backbone; the weights go beside it (`save_tensors`)."""

    @property
    def history(self) -> str | Path:
        """CSV with a row for each epoch."""

    @property
    def tensorboard(self) -> str | Path:
        """Folder for what is recorded of the epochs for people."""


def write_backbone(
    settings: Pretraining, training: BackboneTraining, run: Mapping[str, Any], files: BackboneFiles
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
    write_history(training.history, files.history)
    network = training.method.network
    of_head = head_tensors(network)
    made = settings.architecture, settings.options
    sidecar = {
        **network_part(*made, training.data.layout, training.normalisation),
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
    return save_tensors(files.sidecar, tensors, sidecar)
