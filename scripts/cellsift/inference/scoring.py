"""Scores of cuboids that do not depend on how the cuboids were cut into batches."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import torch

from cellsift.cuboids.batches import Cuboids
from cellsift.cuboids.normalisation import Normalisation
from cellsift.errors import TrainingDiverged
from cellsift.models.contract import Network
from cellsift.models.storage import load_model

# Libraries choose their algorithm, and so the last digits, by the shape of a batch: every batch
# gets this many cuboids, the last one filled up.
SCORING_BATCH = 32


@dataclass(frozen=True)
class Scorer:
    """A trained network, how its input is normalised, and what is added to its logits.

    Attributes:
        test_time_augmentation: "none", or "flips": the mean logit over all mirror images.
        logit_offset: turns the network's answer for the odds that it was trained with into the
            one for the odds of a cell among all labelled candidates (`outputs.logit_offset`).
    """

    model: Network
    normalisation: Normalisation
    logit_offset: float = 0.0
    test_time_augmentation: str = "none"


def read_scorer(json_path: str | Path) -> tuple[Scorer, dict[str, Any]]:
    """Return a stored model as a scorer, on the CPU, and its sidecar; errors as `load_model`'s."""
    model, sidecar = load_model(json_path)
    scorer = Scorer(
        model,
        Normalisation.from_dict(sidecar["normalisation"]),
        float(sidecar.get("logit_offset", 0.0)),
        sidecar.get("test_time_augmentation", "none"),
    )
    return scorer, sidecar


def score(
    scorers: Sequence[Scorer],
    cuboids: Cuboids,
    device: torch.device,
    advance: Callable[[int], object] | None = None,
) -> np.ndarray:
    """Return the logit of cell against no cell, float64 (n, scorers), for every cuboid in order.

    Computed in float32 on any device. The models are used in evaluation mode, as they are.
    `advance` is told how many cuboids were done.

    Raises:
        TrainingDiverged: a model gives scores that are not finite.
    """
    logits = np.empty((len(cuboids), len(scorers)))
    for start in range(0, len(cuboids), SCORING_BATCH):
        rows = np.arange(start, min(start + SCORING_BATCH, len(cuboids)))
        logits[rows] = _score_batch(scorers, cuboids, rows, device)
        if advance is not None:
            advance(len(rows))
    wrong = int((~np.isfinite(logits)).any(axis=1).sum())
    if wrong:
        raise TrainingDiverged(
            f"the model gives no finite score for {wrong} of {len(cuboids)} candidates; its "
            "training diverged: lower the learning rate and train again"
        )
    return logits


@torch.inference_mode()
def _score_batch(
    scorers: Sequence[Scorer], cuboids: Cuboids, rows: np.ndarray, device: torch.device
) -> np.ndarray:
    filled = np.pad(rows, (0, SCORING_BATCH - len(rows)), mode="edge")
    raw = cuboids.on_device(filled, device)
    columns = []
    for scorer in scorers:
        inputs = cuboids.normalised(raw, filled, scorer.normalisation)
        logits = [
            scorer.model(seen).double().cpu().numpy()[: len(rows)]
            for seen in mirror_images(inputs, scorer.test_time_augmentation)
        ]
        differences = [of_view[:, 1] - of_view[:, 0] for of_view in logits]
        columns.append(np.mean(differences, axis=0) + scorer.logit_offset)
    return np.stack(columns, axis=1)


def mirror_images(inputs: torch.Tensor, kind: str) -> Iterator[torch.Tensor]:
    """Yield cuboids (n, channel, z, y, x) as they are, and for "flips" also in every mirror.

    Those are eight, or four where there is one plane.
    """
    if kind == "none":
        yield inputs
        return
    axes = [axis for axis in (2, 3, 4) if inputs.shape[axis] > 1]
    for count in range(len(axes) + 1):
        for mirrored in combinations(axes, count):
            yield inputs.flip(mirrored) if mirrored else inputs
