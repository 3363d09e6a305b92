"""Networks that are fitted to a new brain without any label of it."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from cellsift.benchmarks.carry_over.arms import Scores, Trained
from cellsift.calibration.calibrate import fit_temperature
from cellsift.calibration.decision import cell_probability
from cellsift.inference.scoring import Scorer
from cellsift.io.names import CELL, NO_CELL
from cellsift.models.contract import Network

# Layers that see intensities more than shapes.
EARLY = ("stem.", "units.0.")
# The surest of either label are taken at the arm's word: this share of as many as it expects.
SURE = 0.5
# More of them than that are not learnt from.
MOST_SURE = 1000


def with_tissue_statistics(trained: Trained) -> Scores:
    """Score with batch normalisation, in early layers, moved by how the tissue differs."""
    tissues = {name: brain.tissue for name, brain in trained.of.cage.brains.items()}
    scorers = []
    for scorer in trained.arm.scorers:
        inputs = {
            name: scorer.normalisation.apply(
                tissue, trained.stores[name].log_median, trained.stores[name].log_spread
            )
            for name, tissue in tissues.items()
        }
        new = inputs.pop(trained.of.name)
        scorers.append(replace(scorer, model=adapted(scorer, list(inputs.values()), new)))
    return trained.scores(tuple(scorers))


@torch.no_grad()
def adapted(scorer: Scorer, learnt: Sequence[torch.Tensor], new: torch.Tensor) -> Network:
    """A copy of a network whose early batch normalisation suits the tissue of a new brain.

    Its statistics are those of candidates. What its inputs have on the tissue of the new brain
    (n, channel, z, y, x) and on that of the brains learnt from differs: by so much the mean is
    moved and the variance multiplied, layer after layer.
    """
    model = deepcopy(scorer.model).eval()
    original = deepcopy(model)
    for name, layer in model.named_modules():
        if not (isinstance(layer, _BatchNorm) and any(part in name for part in EARLY)):
            continue
        means, variances = zip(*(_inputs_of(original, name, x) for x in learnt), strict=True)
        mean, variance = _inputs_of(model, name, new)
        assert layer.running_mean is not None
        assert layer.running_var is not None
        layer.running_mean += mean - torch.stack(means).mean(dim=0)
        layer.running_var *= variance / torch.stack(variances).mean(dim=0)
    return model


def _inputs_of(model: nn.Module, name: str, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and variance by feature of what a layer gets."""
    seen: list[torch.Tensor] = []
    layer = model.get_submodule(name)
    handle = layer.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    try:
        model(x)
    finally:
        handle.remove()
    by_feature = seen[0].transpose(0, 1).flatten(1)
    return by_feature.mean(dim=1), by_feature.var(dim=1)


def confident(scores: Scores, seed: int) -> pd.DataFrame:
    """Candidates of the brain left out that the arm is surest of, labelled as it thinks.

    Of as many cells as p_cell adds up to it is the share `SURE`, and likewise of the others.
    """
    temperature = fit_temperature(*scores.learnt[["is_cell", "logit"]].to_numpy().T)
    table = scores.left_out
    p_cell = cell_probability(table["logit"].to_numpy(), temperature)
    order = np.argsort(p_cell, kind="stable")
    cells = round(SURE * p_cell.sum())
    others = round(SURE * (1 - p_cell).sum())
    label = np.full(len(table), "", object)
    label[order[:others]] = NO_CELL
    label[order[len(order) - cells :]] = CELL
    sure = table.assign(label=label)[label != ""]
    return sure.sample(min(len(sure), MOST_SURE), random_state=seed).sort_index()
