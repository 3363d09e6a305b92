"""Classifying every candidate of a brain, at once or in chunks."""

from pathlib import Path

import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from cellsift.calibration.decision import classified, joined_logits, known_logits
from cellsift.cuboids.batches import Cuboids
from cellsift.cuboids.chunks import rows_of_chunk
from cellsift.cuboids.store import CuboidStore
from cellsift.inference.device import choose_device, move_to_device, repeatable
from cellsift.inference.scoring import SCORING_BATCH, score
from cellsift.inference.trained_arm import TrainedArm, load_arm


def classify_brain(
    model: str | Path | TrainedArm,
    store: CuboidStore,
    out_of_fold: pd.DataFrame | None = None,
    *,
    logits: np.ndarray | None = None,
    device: str = "auto",
    threads: int = 1,
    progress: bool = False,
) -> pd.DataFrame:
    """Return z, y, x, p_cell and is_cell of every candidate, row i for candidate i.

    p_cell = sigmoid(logit / temperature), rounded to 6 digits, of the logits of `score_brain`,
    whose arguments these are; is_cell where p_cell reaches the threshold. `model` may be any arm's
    folder, of any run; its cuboids are those of `load_arm(model).shape` and `.voxel_size`.

    Raises InputError as `score_brain` does.

    Example:
        cells = classify_brain("results/mine/models/resnet", CuboidStore.open("cuboids.zarr"))
        cells[cells["is_cell"]]
    """
    arm = model if isinstance(model, TrainedArm) else load_arm(model)
    logits = score_brain(
        arm,
        store,
        out_of_fold,
        logits=logits,
        device=device,
        threads=threads,
        progress=progress,
    )
    return classified(store.positions, logits, arm.temperature, arm.threshold)


def score_brain(
    model: str | Path | TrainedArm,
    store: CuboidStore,
    out_of_fold: pd.DataFrame | None = None,
    *,
    logits: np.ndarray | None = None,
    device: str = "auto",
    threads: int = 1,
    progress: bool = False,
) -> np.ndarray:
    """Return the logit of cell against no cell of every candidate, float64 (n,).

    That is the mean over an arm's fold models, or what an ensemble makes of its members' logits.

    Args:
        model: folder with model.json, or what `load_arm` made of it.
        store: the brain's cuboids.
        out_of_fold: for a brain that was trained on, its rows of the arm's scores.csv files
            (candidate, logit). They are used instead of the models, which know the brain.
        logits: (n,) what `score_chunk` gave for all chunks, joined, if it has been done before.

    Raises:
        InputError: cuboids unlike those trained on, scores that do not cover the brain, or a
            model whose scores are not finite.
    """
    if out_of_fold is not None:
        return known_logits(out_of_fold, len(store))
    if logits is None:
        return score_chunk(model, store, device=device, threads=threads, progress=progress)
    return joined_logits([logits], len(store))


def score_chunk(
    model: str | Path | TrainedArm,
    store: CuboidStore,
    chunk: int = 1,
    chunks: int = 1,
    *,
    device: str = "auto",
    threads: int = 1,
    progress: bool = False,
) -> np.ndarray:
    """Return the logits, float64 (n,), of chunk number `chunk` of `chunks`, as `score_brain`.

    `store` is the whole brain's: normalisation takes its statistics. Joined in order, the chunks'
    logits are those of the undivided brain to the last bit: chunks are cut between the batches
    that the networks get, so these are the same cuboids in the same places.
    """
    arm = model if isinstance(model, TrainedArm) else load_arm(model)
    rows = rows_of_chunk(len(store), chunk, chunks, multiple=SCORING_BATCH)
    return arm.join(score_store(arm, store, device, threads, progress, rows))


def score_store(
    arm: TrainedArm,
    store: CuboidStore,
    device: str | torch.device = "auto",
    threads: int = 1,
    progress: bool = False,
    candidates: slice = slice(None),
) -> np.ndarray:
    """Return the logit of cell against no cell, float64 (n, models), of these cuboids, or of all.

    A cuboid's logit does not depend on which others are in the store.
    """
    arm.check_cuboids(store)
    device = choose_device(device)
    rows = pd.DataFrame({"brain": "", "candidate": np.arange(len(store))[candidates]})
    if rows.empty:
        return np.empty((0, len(arm.scorers)))
    # Every cuboid is read once: holding them in memory gains nothing.
    cuboids = Cuboids({"": store}, rows, memory_bytes=0)
    for scorer in arm.scorers:
        move_to_device(scorer.model, device)
    # None: tqdm keeps quiet where nobody watches, as in a log file.
    disable = None if progress else True
    with repeatable(threads), tqdm(total=len(rows), unit="cuboid", disable=disable) as bar:
        return score(arm.scorers, cuboids, device, bar.update)
