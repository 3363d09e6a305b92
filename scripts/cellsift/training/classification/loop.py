"""The training of one arm with one fold held out: from random weights to a stored model."""

import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from sklearn.metrics import average_precision_score

from cellsift.cuboids.batches import fit_normalisation
from cellsift.cuboids.store import CuboidStore
from cellsift.errors import InputError
from cellsift.inference.device import choose_device, place_model, repeatable
from cellsift.inference.scoring import Scorer, read_scorer, score
from cellsift.models import create_model
from cellsift.models.starting_weights import backbone_parameters, start_from
from cellsift.settings.arms import Arm
from cellsift.settings.recipe import check_fits, complete_recipe
from cellsift.training.checkpoint import fingerprint, load_checkpoint, save_checkpoint
from cellsift.training.classification.fitting import fit_at_once
from cellsift.training.classification.fold_data import FoldData
from cellsift.training.classification.objective import Softening, batch_loss
from cellsift.training.classification.outputs import write_fold
from cellsift.training.classification.state import TrainingState
from cellsift.training.classification.varied_batches import VariedBatches
from cellsift.training.optimisation import (
    check_finite,
    class_weights,
    learning_rate_at,
    make_moving_average,
    make_optimiser,
    settle_batch_norm,
    step,
    validation_loss,
)
from cellsift.training.progress import Progress
from cellsift.training.seeds import seed_of
from cellsift.training.starting_point import digest, learnt_from, starting_weights

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
    teacher: str | Path | None = None,
    starting_point: str | Path | None = None,
    code: str = "",
    progress: bool = True,
    watch: Callable[[float, int], object] | None = None,
    after_epoch: Callable[[int], object] | None = None,
) -> Path:
    """Train one arm with one fold held out and return the path of the model's JSON sidecar.

    The epoch with the best average precision on the held-out fold is kept, of PIP-Net one after
    its prototypes are formed. After every epoch the state goes to `checkpoint`; a training that
    was killed goes on from there and ends with the weights of an unbroken one. The checkpoint is
    removed at the end.

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
        teacher: JSON sidecar of the recipe's teacher, trained with the same fold held out.
        starting_point: file or folder of the weights that the recipe's pretraining or init_from
            stands for (`read_starting_point`).
        code: hash of the code that decides the weights, as `workflow.code.code_of` gives it: what
            other code has begun is begun anew. Without one, what there is is gone on with.
        progress: whether to print progress to standard error.
        watch: called with the epochs that are done, also parts of one, and their number at most.
        after_epoch: called with the number of each epoch, after its checkpoint.

    Raises:
        InputError: a recipe, table, store or device that cannot be used, or a loss that is no
            longer finite.
    """
    recipe = complete_recipe(arm.recipe)
    place = choose_device(device)
    run = {"seed": seed, "fold": fold, "device": place.type, "threads": threads, "recipe": recipe}
    data = FoldData.of(stores, table, fold, recipe["label_share"], seed_of(seed, fold))
    network = [arm.architecture, dict(arm.options)]
    taught_by, its_weights = _teacher(teacher, recipe, fold, place)
    weights = starting_weights(starting_point, arm, recipe, data)
    run |= {"teacher": its_weights, "starting_point": digest(weights)}
    earlier = [learnt_from(path) for path in (teacher, starting_point) if path is not None]
    run["earlier_brains"] = sorted(set().union(*earlier))
    mark = fingerprint({"network": network, **run}, table, stores, code)
    with repeatable(threads):
        torch.manual_seed(seed_of(seed, fold, 0))
        state = _start(arm, recipe, data, place, weights)
        normalisation = fit_normalisation(recipe["normalisation"], data.training)
        batches = VariedBatches(data, normalisation, recipe, place, taught_by)
        at_once = state.model.fitted_at_once
        epochs, steps = (1, 1) if at_once else (recipe["epochs"], len(batches.slices))
        board = Path(training_folder) / "tensorboard"
        if (saved := load_checkpoint(checkpoint, mark)) is not None:
            state.restore(saved)
        with Progress(f"{arm.name} fold {fold}", epochs, steps, board, progress, watch) as show:
            show.resume(state.history)
            while not state.finished(epochs, recipe["patience"], recipe["frozen_epochs"]):
                _do_epoch(state, batches, seed_of(seed, fold, state.epoch + 1), show)
                save_checkpoint(checkpoint, mark, state.to_dict())
                show.epoch_done(state.history[-1])
                if after_epoch is not None:
                    after_epoch(state.epoch)
        path = write_fold(arm, state, data, normalisation, run, model_folder, training_folder)
    Path(checkpoint).unlink(missing_ok=True)
    return path


def _start(
    arm: Arm,
    recipe: Mapping[str, Any],
    data: FoldData,
    device: torch.device,
    weights: Mapping[str, torch.Tensor] | None,
) -> TrainingState:
    channels, shape, _ = data.training.layout
    model = create_model(arm.architecture, channels, shape, **arm.options)
    check_fits(recipe, model)
    if weights is not None:
        start_from(model, weights, "backbone" if recipe["pretraining"] else recipe["init_parts"])
    place_model(model, device)
    # What is fitted at once has no steps to average over.
    decay = 0 if model.fitted_at_once else recipe["moving_average"]
    return TrainingState(
        model,
        make_optimiser(model, recipe["weight_decay"]),
        make_moving_average(model, decay),
        first_kept=int(model.share_without_labels * recipe["epochs"]) + 1,
    )


def _do_epoch(state: TrainingState, batches: VariedBatches, seed: int, show: Progress) -> None:
    """Train for one epoch, judge the network on the held-out fold, and record both."""
    started = time.perf_counter()
    if state.model.fitted_at_once:
        trained = fit_at_once(state.model, batches, seed)
    else:
        trained = _train_epoch(state, batches, seed, show)
        settle_batch_norm(state.judged, batches.unvaried(SETTLING_CUBOIDS))
    scorer = Scorer(
        state.judged.eval(),
        batches.normalisation,
        test_time_augmentation=batches.recipe["test_time_augmentation"],
    )
    logits = score([scorer], batches.data.held_out, batches.device)[:, 0]
    judged = _judge(logits, batches.data, batches.recipe)
    seconds = time.perf_counter() - started
    state.record({"epoch": state.epoch + 1, **trained, **judged, "seconds": seconds}, logits)


def _train_epoch(
    state: TrainingState, batches: VariedBatches, seed: int, show: Progress
) -> dict[str, float]:
    """Pass once through the training cuboids, in random order and varied."""
    torch.manual_seed(seed)
    recipe, count = batches.recipe, len(batches.data.training)
    order = np.random.default_rng(seed).permutation(count)
    softening = Softening(recipe["label_smoothing"], recipe["mixup"])
    done, steps = state.epoch * len(batches.slices), recipe["epochs"] * len(batches.slices)
    total = torch.zeros((), device=batches.device)
    state.model.train()
    for parameter in backbone_parameters(state.model):
        parameter.requires_grad_(state.epoch >= recipe["frozen_epochs"])
    for number, chosen in enumerate(batches.slices):
        rows = order[chosen]
        batch = batches.batch(rows, seed_of(seed, number), (done + number) / steps)
        rate = learning_rate_at(done + number, steps, recipe["learning_rate"])
        loss_of = partial(batch_loss, state.model, batch, softening)
        total += step(state.model, state.optimiser, loss_of, rate) * len(rows)
        state.model.after_step()
        if state.average is not None:
            state.average.update_parameters(state.model)
        show.batch_done()
    train_loss = float(total) / count
    check_finite(train_loss, state.epoch + 1, recipe)
    return {"train_loss": train_loss, "learning_rate": rate}


def _judge(logits: np.ndarray, data: FoldData, recipe: Mapping[str, Any]) -> dict[str, float]:
    """Return the held-out figures of labelled candidates."""
    is_cell, logits = data.held_out_is_cell, logits[data.held_out_labelled]
    weights = class_weights(data.is_cell, recipe["class_weights"])
    return {
        "validation_loss": validation_loss(logits, is_cell, weights),
        "average_precision": float(average_precision_score(is_cell, logits)),
    }


def _teacher(
    sidecar: str | Path | None, recipe: Mapping[str, Any], fold: int, device: torch.device
) -> tuple[Scorer | None, str | None]:
    """Return the teacher, on the device, and the hash of its weights; two None without one."""
    if (sidecar is None) != (not recipe["teacher"]):
        raise InputError(
            f"the recipe's teacher is {recipe['teacher'] or 'none'!r}, and the teacher's model "
            f"{sidecar}; give both or neither"
        )
    if sidecar is None:
        return None, None
    scorer, made = read_scorer(sidecar)
    if made["provenance"].get("fold") != fold:
        raise InputError(
            f"{sidecar} was trained with fold {made['provenance'].get('fold')} held out, not "
            f"fold {fold}: it knows candidates that are to be judged; give that fold's model"
        )
    place_model(scorer.model, device)
    return scorer, made.get("weights_sha256")
