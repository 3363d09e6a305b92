"""What a finished training leaves: model, history and out-of-fold scores."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from cellsift.io.tables import write_table
from cellsift.models.storage import network_part, save_model
from cellsift.settings.arms import Arm
from cellsift.training.classification.files import FinalFiles, FoldFiles
from cellsift.training.classification.final_training import FinalTraining
from cellsift.training.classification.fold_data import FoldData, TrainingData
from cellsift.training.classification.fold_training import FoldTraining
from cellsift.training.classification.state import TrainingState
from cellsift.training.records import versions, write_history

HISTORY = [
    "epoch",
    "train_loss",
    "validation_loss",
    "average_precision",
    "learning_rate",
    "seconds",
]


def write_fold(arm: Arm, training: FoldTraining, run: Mapping[str, Any], files: FoldFiles) -> Path:
    """Write the best epoch's model, the history and the scores; return the model's JSON path.

    Args:
        run: how the training was run, for the model's provenance: fold, recipe and more.
    """
    state, data = training.state, training.batches.data
    assert isinstance(data, FoldData)
    state.model.load_state_dict(state.best_weights)
    best = state.history[state.best_epoch - 1]
    judged = {
        # Their labels chose the epoch.
        "judged_on": sorted(set(data.held_out_table["brain"])),
        "average_precision": round(best["average_precision"], 6),
    }
    sidecar = _sidecar(arm, training, {**run, **judged})
    write_history([{name: row[name] for name in HISTORY} for row in state.history], files.history)
    scores = data.held_out_table[["brain", "candidate", "label", "fold"]].assign(
        logit=state.best_logits + sidecar["logit_offset"]
    )
    write_table(scores, files.scores)
    return save_model(files.model, state.model, sidecar)


def write_final(
    arm: Arm, training: FinalTraining, run: Mapping[str, Any], files: FinalFiles
) -> Path:
    """Write the network after its last epoch and the history; return the model's JSON path.

    Args:
        run: how the training was run, for the model's provenance.
    """
    state = training.state
    state.model.load_state_dict(state.judged.state_dict())
    names = [name for name in HISTORY if name in state.history[-1]]
    write_history([{name: row[name] for name in names} for row in state.history], files.history)
    return save_model(files.model, state.model, _sidecar(arm, training, run))


def _sidecar(arm: Arm, training: FoldTraining, run: Mapping[str, Any]) -> dict[str, Any]:
    """How a network is built and was trained."""
    data, recipe = training.batches.data, training.recipe
    network = arm.architecture, arm.options
    return {
        **network_part(*network, data.training.layout, training.batches.normalisation),
        "logit_offset": logit_offset(data.is_cell, data.log_odds, recipe.class_weights),
        "test_time_augmentation": recipe.test_time_augmentation,
        "provenance": _provenance(arm, training.state, data, run),
    }


def logit_offset(is_cell: np.ndarray, log_odds: float, class_weights: str) -> float:
    """Return what to add to a network's logits so that they stand for these log odds of a cell.

    A network answers for the odds that it was trained with: even ones where classes were balanced,
    else those of its training candidates `is_cell`. By Bayes' rule the difference of the log odds
    makes up for that (Saerens, Latinne & Decaestecker 2002, Neural Computation 14, section 2).
    All folds are to stand for the same odds. Each by its own would be wrong in opposite directions
    where whole brains are held out: one of many cells would be judged by the odds of the others.
    """
    if class_weights == "balanced":
        return log_odds
    cells = int(is_cell.sum())
    return log_odds - math.log(cells / (len(is_cell) - cells))


def _provenance(
    arm: Arm, state: TrainingState, data: TrainingData, run: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "arm": arm.name,
        **run,
        "brains": sorted(set(data.training_table["brain"])),
        "cells": int(data.is_cell.sum()),
        "no_cells": int((~data.is_cell).sum()),
        "epochs": state.epoch,
        "best_epoch": state.best_epoch,
        "versions": versions(),
    }
