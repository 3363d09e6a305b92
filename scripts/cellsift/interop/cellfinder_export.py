"""A trained arm as one Keras model that cellfinder, brainmapper and napari's plugin load as it is.

cellfinder feeds a network float32 cuboids (n, y, x, z, channel) of raw intensities, signal before
background, and calls the larger of its two outputs (`cellfinder.core.classify`, 1.10.1 and 1.11.0).
So normalisation, folds, mirror images, temperature and threshold become a part of the model.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from scipy.special import logit

from cellsift.calibration.decision import DECIMALS, cell_probability
from cellsift.cuboids.normalisation import LOCAL_SPREAD, Normalisation
from cellsift.cuboids.store import CuboidStore
from cellsift.errors import InputError
from cellsift.inference.scoring import Scorer, mirror_images
from cellsift.inference.trained_arm import TrainedArm, load_arm
from cellsift.interop.keras_networks import keras, keras_network, ops
from cellsift.io.atomic import atomic_file
from cellsift.io.axes import Shape, Size

if TYPE_CHECKING:
    from cellsift.interop.keras_operations import Symbolic

ENDING = ".keras"
# What cellfinder cuts unless told otherwise, and all that the plugin for napari can: z, y, x, µm.
USUAL_SHAPE, USUAL_VOXEL_SIZE = (20, 50, 50), (5.0, 1.0, 1.0)
# By how much p_cell of the written model may differ from ours.
TOLERANCE = 1e-3
# Below any logit: cells are all for which a threshold of nothing is asked.
NO_THRESHOLD = -100.0
CHECKED_CUBOIDS = 4
# Axes of Keras' cuboids (n, y, x, z, channel) for those of torch's (n, channel, z, y, x).
OF_KERAS = (0, 3, 4, 2, 1)


@dataclass(frozen=True)
class Statistics:
    """Of a brain's log intensities, for each channel, as `CuboidStore` has them."""

    log_median: tuple[float, ...] | None = None
    log_spread: tuple[float, ...] | None = None


@dataclass(frozen=True)
class CellfinderExport:
    """What was written, and what cellfinder has to be told with it.

    Attributes:
        path: of the model.
        settings: arguments of `cellfinder.core.classify.classify.main` by name, besides
            `trained_model`: network_voxel_sizes (z, y, x, µm), cube_depth, cube_height, cube_width.
        notes: sentences on where the model can be used and where not.
    """

    path: Path
    settings: dict[str, Any]
    notes: tuple[str, ...]


def export_to_cellfinder(
    folder: str | Path, path: str | Path, cuboids: Sequence[str | Path] = ()
) -> CellfinderExport:
    """Write an arm, all its folds or members in one, as a Keras model; whole or not at all.

    Its input is (n, y, x, z, channel), raw intensities; its outputs (n, 2) are a number just below
    the threshold, always the same, and p_cell: the larger is the second where is_cell is true.
    Before the file takes its place it is loaded as cellfinder loads it, and its answers compared.

    Args:
        folder: of the trained arm or ensemble, with model.json.
        path: of the file to write, NAME.keras.
        cuboids: a brain's cuboid stores, where the arm normalises by the statistics of each brain:
            these then become a part of the model, which fits that brain alone.

    Raises:
        InputError: models that cannot be read, do not compute in Keras what they compute here, or
            need a brain's statistics; another ending of the file.

    Example:
        >>> export = export_to_cellfinder("results/models/resnet", "resnet.keras")
        >>> export.settings["cube_depth"]
        20
    """
    path = Path(path)
    if path.suffix != ENDING:
        raise InputError(f"{path} does not end in {ENDING}, by which cellfinder knows a model")
    arm = load_arm(folder)
    statistics = _statistics(arm, cuboids, Path(folder))
    model = keras_arm(arm, statistics)
    with atomic_file(path) as beside:
        model.save(beside)
        check_written(beside, arm, statistics)
    return CellfinderExport(path, cellfinder_settings(arm.shape, arm.voxel_size), _notes(arm))


def keras_arm(arm: TrainedArm, statistics: Statistics = Statistics()) -> keras.Model:
    """Return the Keras model of an arm; see `export_to_cellfinder`."""
    z, y, x = arm.shape
    inputs = keras.Input((y, x, z, arm.channels), name="intensities")
    # cellfinder resizes and leaves fractions, our stores hold whole numbers.
    intensities = ops.round(inputs)
    logits = [
        _logits(intensities, scorer, arm, statistics, f"network_{number}")
        for number, scorer in enumerate(arm.scorers)
    ]
    together = ops.concatenate(logits, axis=1) if len(logits) > 1 else logits[0]
    decision = keras.layers.Dense(2, activation="sigmoid", name="decision")
    outputs = decision(together)
    decision.set_weights(decision_weights(arm))
    return keras.Model(inputs, outputs, name="cellsift")


def decision_weights(arm: TrainedArm) -> tuple[np.ndarray, np.ndarray]:
    """Return weights (2 * scorers, 2) and bias (2,) that make outputs of the logits (2 * scorers,).

    With a sigmoid behind them, which are the threshold and p_cell.
    """
    count = len(arm.scorers)
    constant = arm.join(np.zeros((1, count)))
    shares = arm.join(np.eye(count)) - constant
    of_cell = np.stack([-shares, shares], axis=1).ravel() / arm.temperature
    offset = arm.join(np.array([[scorer.logit_offset for scorer in arm.scorers]]))
    weights = np.stack([np.zeros_like(of_cell), of_cell], axis=1)
    bias = np.array([threshold_logit(arm.threshold), offset[0] / arm.temperature])
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


def cellfinder_settings(shape: Shape, voxel_size: Size) -> dict[str, Any]:
    """Return the arguments of cellfinder's `classify.main` for cuboids of this shape (z, y, x)."""
    depth, height, width = shape
    return {
        "network_voxel_sizes": tuple(voxel_size),
        "cube_depth": depth,
        "cube_height": height,
        "cube_width": width,
    }


def check_written(path: Path, arm: TrainedArm, statistics: Statistics) -> None:
    """Raise InputError unless a written model answers as the arm does.

    Loaded as cellfinder loads it: nothing in the file is allowed to run code.
    """
    cuboids = _made_up(arm, statistics)
    model = keras.models.load_model(path, safe_mode=True)
    model.trainable = False
    inputs = cuboids.permute(OF_KERAS).contiguous().numpy()
    found = ops.convert_to_numpy(model(inputs))[:, 1]
    wanted = p_cell(arm, cuboids, statistics)
    difference = float(np.abs(found - wanted).max())
    if not difference <= TOLERANCE:
        raise InputError(
            f"in Keras the model gives p_cell that differ by {difference:.2g} from cellsift's, so "
            "nothing was written; file an issue that names the architecture and its options"
        )


def p_cell(arm: TrainedArm, cuboids: torch.Tensor, statistics: Statistics) -> np.ndarray:
    """Return p_cell (n,) of cuboids (n, channel, z, y, x) of raw intensities, computed in torch."""
    return cell_probability(arm_logits(arm, cuboids, statistics), arm.temperature)


@torch.inference_mode()
def arm_logits(arm: TrainedArm, cuboids: torch.Tensor, statistics: Statistics) -> np.ndarray:
    """Return the arm's logits (n,), before the temperature, of the same cuboids."""
    logits = np.empty((len(cuboids), len(arm.scorers)))
    for column, scorer in enumerate(arm.scorers):
        inputs = scorer.normalisation.apply(cuboids, statistics.log_median, statistics.log_spread)
        views = mirror_images(inputs, scorer.test_time_augmentation)
        of_views = [scorer.model(view).double().numpy() for view in views]
        logits[:, column] = np.mean([of[:, 1] - of[:, 0] for of in of_views], axis=0)
        logits[:, column] += scorer.logit_offset
    return arm.join(logits)


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


def _statistics(arm: TrainedArm, cuboids: Sequence[str | Path], folder: Path) -> Statistics:
    """Return the statistics of the brain that the arm normalises by; none where it does not."""
    by_brain = _by_brain(arm)
    if not by_brain:
        if cuboids:
            raise InputError(
                f"the models in {folder} do not normalise by the statistics of a brain; leave the "
                "brain's cuboids out"
            )
        return Statistics()
    if not cuboids:
        raise InputError(
            f"the models in {folder} normalise by the statistics of each brain, which cellfinder "
            "does not tell a model: give the cuboids of the brain that it is meant for (--brain "
            "results/brains/BRAIN/cuboids/*.zarr), or train with the recipe's normalisation: "
            "dataset or local"
        )
    store = CuboidStore.open(cuboids)
    arm.check_cuboids(store)
    return Statistics(store.log_median, store.log_spread)


def _by_brain(arm: TrainedArm) -> bool:
    return any(scorer.normalisation.statistics == "brain" for scorer in arm.scorers)


def _notes(arm: TrainedArm) -> tuple[str, ...]:
    notes = [
        "cellfinder leaves out candidates whose cuboid reaches over the border of the volume; "
        "cellsift classifies them."
    ]
    if (arm.shape, tuple(arm.voxel_size)) != (USUAL_SHAPE, USUAL_VOXEL_SIZE):
        notes.append(
            "Its cuboids are not those that cellfinder cuts by itself: without these settings it "
            "fails or answers wrongly, and the plugin for napari, which has no boxes for them, "
            "cannot use it."
        )
    if arm.channels == 1:
        notes.append(
            "It takes one channel: cellfinder loads it from 1.11 on (background_array=None); "
            "1.10.1 cannot classify without a background."
        )
    if _by_brain(arm):
        notes.append(
            "It has the brightness of the brain whose cuboids were given: use it for that brain "
            "alone."
        )
    return tuple(notes)


def instructions(export: CellfinderExport) -> list[str]:
    """Return lines that say how what was written is used in cellfinder and in brainmapper."""
    settings = export.settings
    passed = ", ".join(f"{key}={value}" for key, value in settings.items())
    sizes = " ".join(f"{size:g}" for size in settings["network_voxel_sizes"])
    cubes = " ".join(f"--{k.replace('_', '-')} {n}" for k, n in settings.items() if "cube" in k)
    return [
        f"{export.path} is written. Use it with:",
        f"  classify.main(trained_model={str(export.path)!r}, {passed}, ...)",
        f"  brainmapper --trained-model {export.path} --network-voxel-sizes {sizes} {cubes} ...",
        *export.notes,
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `python -m cellsift.interop.cellfinder_export FOLDER OUT.keras`; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m cellsift.interop.cellfinder_export")
    parser.add_argument("folder", type=Path, help="of a trained arm, such as results/models/resnet")
    parser.add_argument("out", type=Path, help="the file to write, NAME.keras")
    parser.add_argument(
        "--brain",
        type=Path,
        nargs="+",
        default=[],
        metavar="CUBOIDS",
        help="cuboid stores of the brain that it is meant for, where the arm normalises by them",
    )
    given = parser.parse_args(arguments)
    try:
        export = export_to_cellfinder(given.folder, given.out, given.brain)
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    print("\n".join(instructions(export)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
