"""A trained arm as one Keras model: normalisation, folds, mirror images and threshold inside."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy.special import logit

from cellsift.calibration.decision import DECIMALS
from cellsift.cuboids.normalisation import LOCAL_SPREAD, Normalisation
from cellsift.errors import InputError
from cellsift.inference.scoring import Scorer
from cellsift.inference.trained_arm import TrainedArm
from cellsift.interop.keras_networks import keras, keras_network, ops
from cellsift.interop.keras_operations import UNSET, Symbolic
from cellsift.interop.onnx_arm import RawArm, linear_form
from cellsift.models import list_models

# By how much p_cell of the written model may differ from ours.
TOLERANCE = 1e-3
# Below any logit: cells are all for which a threshold of nothing is asked.
NO_THRESHOLD = -100.0
CHECKED_CUBOIDS = 4
# Axes of torch's cuboids (n, channel, z, y, x) in the order of Keras' (n, y, x, z, channel).
TO_KERAS = (0, 3, 4, 2, 1)
LAYERS, OPERATIONS = "the layers that cellfinder builds", "operations of Keras"
# What an architecture becomes; any that is not named here: operations.
BECOMES = {"resnet": LAYERS, "resnet_cellfinder": LAYERS, "ensemble": "its members, in one model"}


@dataclass(frozen=True)
class Statistics:
    """Of a brain's log intensities, for each channel, as `CuboidStore` has them."""

    log_median: tuple[float, ...] | None = None
    log_spread: tuple[float, ...] | None = None


def architectures_in_keras() -> dict[str, str]:
    """Return what each architecture of the registry becomes in a Keras model, by its name."""
    return {name: BECOMES.get(name, OPERATIONS) for name in list_models()}


def keras_arm(arm: TrainedArm, statistics: Statistics = Statistics()) -> keras.Model:
    """Return the Keras model of an arm; intensities in, threshold and p_cell out.

    Its input is float32 (n, y, x, z, channel); its outputs (n, 2) are a number just below the
    threshold, always the same, and p_cell: the larger is the second where is_cell is true.

    Raises:
        InputError: a network computes what has no counterpart in Keras.
    """
    z, y, x = arm.shape
    inputs = keras.Input((y, x, z, arm.channels), name="intensities")
    # cellfinder resizes and leaves fractions, our stores hold whole numbers.
    intensities = ops.round(inputs)
    logits = [
        _logits(intensities, scorer, arm, statistics, f"network_{number}")
        for number, scorer in enumerate(arm.scorers)
    ]
    together = ops.concatenate(logits, axis=1) if len(logits) > 1 else logits[0]
    decision = keras.layers.Dense(
        2, activation="sigmoid", kernel_initializer=UNSET, name="decision"
    )
    outputs = decision(together)
    decision.set_weights(decision_weights(arm))
    return keras.Model(inputs, outputs, name="cellsift")


def decision_weights(arm: TrainedArm) -> tuple[np.ndarray, np.ndarray]:
    """Return weights (2 * scorers, 2) and bias (2,) that make outputs of the logits (2 * scorers,).

    With a sigmoid behind them, which are the threshold and p_cell.
    """
    shares, intercept = linear_form(arm)
    of_cell = np.outer(shares, (-1, 1)).ravel() / arm.temperature
    offset = intercept + np.dot(shares, [scorer.logit_offset for scorer in arm.scorers])
    weights = np.stack([np.zeros_like(of_cell), of_cell], axis=1)
    bias = np.array([threshold_logit(arm.threshold), offset / arm.temperature])
    return weights.astype(np.float32), bias.astype(np.float32)


def threshold_logit(threshold: float) -> float:
    """Return the logit that a cell's has to be above, as p_cell is rounded before it is compared.

    Example:
        >>> round(threshold_logit(0.5), 4)
        -0.0
    """
    steps = 10**DECIMALS
    below = (math.ceil(threshold * steps - 1e-6) - 0.5) / steps
    return float(logit(below)) if below > 0 else NO_THRESHOLD


def check_written(path: Path, arm: TrainedArm, statistics: Statistics) -> None:
    """Raise InputError unless a written model answers as the arm does.

    Loaded as cellfinder loads it: nothing in the file is allowed to run code.
    """
    cuboids = _made_up(arm, statistics)
    model = keras.models.load_model(path, safe_mode=True)
    model.trainable = False
    inputs = cuboids.permute(TO_KERAS).contiguous().numpy()
    found = ops.convert_to_numpy(model(inputs))[:, 1]
    wanted = p_cell(arm, cuboids, statistics)
    difference = float(np.abs(found - wanted).max())
    if not difference <= TOLERANCE:
        raise InputError(
            f"in Keras the model gives p_cell that differ by {difference:.2g} from cellsift's, so "
            "nothing was written; file an issue that names the architecture and its options"
        )


@torch.inference_mode()
def p_cell(arm: TrainedArm, cuboids: torch.Tensor, statistics: Statistics) -> np.ndarray:
    """Return p_cell (n,) of cuboids (n, channel, z, y, x) of raw intensities, computed in torch."""
    of_brain = [
        None if values is None else torch.tensor([values]).expand(len(cuboids), -1)
        for values in (statistics.log_median, statistics.log_spread)
    ]
    return RawArm(arm).eval()(cuboids, *of_brain).numpy()


def _made_up(arm: TrainedArm, statistics: Statistics) -> torch.Tensor:
    """Return cuboids of whole numbers, noise with a spot, about as bright as the arm expects."""
    random = np.random.default_rng(0)
    known = [scorer.normalisation.median for scorer in arm.scorers if scorer.normalisation.median]
    median = statistics.log_median or (known[0] if known else (6.0,) * arm.channels)
    spot = np.exp(
        -0.1
        * sum(
            grid**2
            for grid in np.meshgrid(*(np.arange(n) - n // 2 for n in arm.shape), indexing="ij")
        )
    )
    size = (CHECKED_CUBOIDS, arm.channels, *arm.shape)
    logs = np.reshape(median, (1, -1, 1, 1, 1)) + random.normal(0, 0.2, size)
    logs[::2] += np.linspace(0.5, 2, len(logs[::2])).reshape(-1, 1, 1, 1, 1) * spot
    return torch.from_numpy(np.rint(np.expm1(logs)).clip(0, 65535).astype(np.float32))


def _logits(
    intensities: Symbolic, scorer: Scorer, arm: TrainedArm, statistics: Statistics, name: str
) -> Symbolic:
    """Return logits (n, 2) of a scorer, the mean over the mirror images that it looks at."""
    network = keras_network(scorer.model, arm.channels, arm.shape, name)
    normalised = normalise(intensities, scorer.normalisation, statistics)
    views = [network(view) for view in _mirrored(normalised, scorer.test_time_augmentation)]
    return keras.layers.Average()(views) if len(views) > 1 else views[0]


def _mirrored(cuboids: Symbolic, kind: str) -> list[Symbolic]:
    """Return the mirror images that `mirror_images` gives, of symbolic cuboids."""
    views = [cuboids]
    if kind == "none":
        return views
    for axis in (1, 2, 3):
        if cuboids.shape[axis] > 1:
            views += [ops.flip(view, axis=axis) for view in views]
    return views


def normalise(
    intensities: Symbolic, normalisation: Normalisation, statistics: Statistics = Statistics()
) -> Symbolic:
    """Return what `Normalisation.apply` gives, of symbolic cuboids (n, y, x, z, channel)."""
    if normalisation.transform == "linear":
        return intensities
    logs = ops.log1p(intensities)
    if normalisation.statistics == "cuboid":
        return ops.divide(ops.subtract(logs, _median(logs)), LOCAL_SPREAD)
    of_brain = normalisation.statistics == "brain"
    median = statistics.log_median if of_brain else normalisation.median
    spread = statistics.log_spread if of_brain else normalisation.spread
    centred = ops.subtract(logs, np.asarray(median, np.float32))
    return ops.divide(centred, np.asarray(spread, np.float32))


def _median(logs: Symbolic) -> Symbolic:
    """Return the median (n, 1, 1, 1, channel), of an even number the lower one, as torch does."""
    *sizes, channels = logs.shape[1:]
    voxels = math.prod(sizes)
    in_order = ops.sort(ops.reshape(logs, (-1, voxels, channels)), axis=1)
    return ops.reshape(ops.take(in_order, (voxels - 1) // 2, axis=1), (-1, 1, 1, 1, channels))
