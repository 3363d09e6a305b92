"""The training of one arm with one fold held out: from random weights to a stored model."""

import math
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from sklearn.metrics import average_precision_score

from cellsift.configuration import Arm
from cellsift.errors import InputError
from cellsift.io.cuboids import CuboidStore
from cellsift.models import create_model, refuse_own_training
from cellsift.models.normalisation import Normalisation
from cellsift.training.augmentation import augment
from cellsift.training.batches import fit_normalisation
from cellsift.training.checkpoint import fingerprint, load_checkpoint, save_checkpoint
from cellsift.training.device import choose_device, place_model, repeatable
from cellsift.training.fold_data import FoldData
from cellsift.training.optimisation import (
    class_weights,
    even_batches,
    learning_rate_at,
    make_optimiser,
    settle_batch_norm,
    step,
    validation_loss,
)
from cellsift.training.outputs import write_fold
from cellsift.training.progress import Progress
from cellsift.training.recipe import complete_recipe
from cellsift.training.scoring import Scorer, score
from cellsift.training.state import TrainingState

# Training cuboids, unvaried, from which batch normalisation takes its statistics for use.
SETTLING_CUBOIDS = 512


def train_fold(
    arm: Arm,
    stores: Mapping[str, CuboidStore],
    table: pd.DataFrame,
    fold: int,
    *,
    model_folder: str | Path,
    training_folder: str | Path,
    checkpoint: str | Path,
    seed: int = 0,
    device: str = "auto",
    threads: int = 1,
    progress: bool = True,
    after_epoch: Callable[[int], object] | None = None,
) -> Path:
    """Train one arm with one fold held out and return the path of the model's JSON sidecar.

    The epoch with the best average precision on the held-out fold is kept. After every epoch the
    state goes to `checkpoint`; a training that was killed goes on from there and ends with the
    weights of an unbroken one. The checkpoint is removed at the end.

    Args:
        arm: architecture, its options and the recipe.
        stores: cuboids per brain.
        table: from `assign_folds`: brain, candidate, z_um, y_um, x_um, label, fold, and the
            extents that a cuboid is given.
        model_folder: gets fold-{fold}.safetensors and fold-{fold}.json.
        training_folder: gets history.csv, scores.csv (brain, candidate, label, fold, logit of
            all held-out candidates, ambiguous ones too) and the folder tensorboard.
        checkpoint: a file for this arm and fold alone.
        seed: the same seed gives the same weights on the same machine and number of threads.
        device: "auto" (a GPU where there is one), "cpu" or "cuda".
        threads: CPU threads of torch.
        progress: whether to print progress to standard error.
        after_epoch: called with the number of each epoch, after its checkpoint.

    Raises:
        InputError: a recipe, table, store or device that cannot be used, or a loss that is no
            longer finite.
    """
    recipe = complete_recipe(arm.recipe)
    place = choose_device(device)
    run = {"seed": seed, "fold": fold, "device": place.type, "threads": threads, "recipe": recipe}
    data = FoldData.of(stores, table, fold)
    batches = even_batches(len(data.training), recipe["batch_size"])
    mark = fingerprint({"network": [arm.architecture, dict(arm.options)], **run}, table, stores)
    with (
        repeatable(threads),
        Progress(
            f"{arm.name} fold {fold}",
            recipe["epochs"],
            len(batches),
            Path(training_folder) / "tensorboard",
            progress,
        ) as show,
    ):
        torch.manual_seed(_epoch_seed(seed, fold, 0))
        channels, shape, _ = data.training.layout
        model = create_model(arm.architecture, channels, shape, **arm.options)
        refuse_own_training(arm.architecture, model)
        place_model(model, place)
        normalisation = fit_normalisation(recipe["normalisation"], data.training)
        state = TrainingState(model, make_optimiser(model, recipe["weight_decay"]))
        if (saved := load_checkpoint(checkpoint, mark)) is not None:
            state.restore(saved)
        show.resume(state.history)
        while not state.finished(recipe["epochs"], recipe["patience"]):
            started = time.perf_counter()
            epoch = state.epoch + 1
            epoch_seed = _epoch_seed(seed, fold, epoch)
            trained = _train_epoch(state, data, batches, recipe, normalisation, epoch_seed, show)
            _settle(model, data, normalisation, place)
            logits = score([Scorer(model.eval(), normalisation)], data.held_out, place)[:, 0]
            judged = _judge(logits, data, recipe)
            seconds = time.perf_counter() - started
            state.record({"epoch": epoch, **trained, **judged, "seconds": seconds}, logits)
            save_checkpoint(checkpoint, mark, state.to_dict())
            show.epoch_done(state.history[-1])
            if after_epoch is not None:
                after_epoch(epoch)
        path = write_fold(arm, state, data, normalisation, run, model_folder, training_folder)
    Path(checkpoint).unlink(missing_ok=True)
    return path


def _train_epoch(
    state: TrainingState,
    data: FoldData,
    batches: list[slice],
    recipe: Mapping[str, Any],
    normalisation: Normalisation,
    seed: int,
    show: Progress,
) -> dict[str, float]:
    """Pass once through the training cuboids, in random order and varied."""
    torch.manual_seed(seed)
    device = next(state.model.parameters()).device
    vary = partial(
        augment,
        voxel_size=data.training.layout[2],
        augmentation=recipe["augmentation"],
        generator=torch.Generator(device).manual_seed(seed),
    )
    order = np.random.default_rng(seed).permutation(len(data.training))
    weights = torch.tensor(class_weights(data.is_cell, recipe["class_weights"]), device=device)
    done, steps = state.epoch * len(batches), recipe["epochs"] * len(batches)
    total = torch.zeros((), device=device)
    state.model.train()
    for number, batch in enumerate(batches):
        rows = order[batch]
        inputs = data.training.inputs(rows, normalisation, device, vary)
        targets = torch.from_numpy(data.is_cell[rows].astype(np.int64)).to(device)
        rate = learning_rate_at(done + number, steps, recipe["learning_rate"])
        loss = step(state.model, state.optimiser, inputs, targets, weights, rate)
        total += loss * len(rows)
        show.batch_done()
    train_loss = float(total) / len(order)
    if not math.isfinite(train_loss):
        raise InputError(
            f"the training loss is {train_loss} in epoch {state.epoch + 1}: the training diverged; "
            f"set a learning_rate below {recipe['learning_rate']:g}"
            + (", or normalisation to brain" if recipe["normalisation"] == "linear" else "")
        )
    return {"train_loss": train_loss, "learning_rate": rate}


def _settle(
    model: torch.nn.Module, data: FoldData, normalisation: Normalisation, device: torch.device
) -> None:
    count = min(SETTLING_CUBOIDS, len(data.training))
    rows = np.linspace(0, len(data.training) - 1, count).round().astype(int)
    settle_batch_norm(
        model,
        (
            data.training.inputs(rows[batch], normalisation, device)
            for batch in even_batches(count, 64)
        ),
    )


def _judge(logits: np.ndarray, data: FoldData, recipe: Mapping[str, Any]) -> dict[str, float]:
    """Return the held-out figures of labelled candidates."""
    is_cell, logits = data.held_out_is_cell, logits[data.held_out_labelled]
    weights = class_weights(data.is_cell, recipe["class_weights"])
    return {
        "validation_loss": validation_loss(logits, is_cell, weights),
        "average_precision": float(average_precision_score(is_cell, logits)),
    }


def _epoch_seed(seed: int, fold: int, epoch: int) -> int:
    """Return a seed for an epoch; each has its own, so that a resumed training needs no more."""
    return int(np.random.SeedSequence([seed, fold, epoch]).generate_state(1)[0])
