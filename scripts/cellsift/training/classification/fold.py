"""The training of one arm with one fold held out: from random weights to a stored model."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import torch

from cellsift.cuboids.batches import fit_normalisation
from cellsift.cuboids.store import CuboidStore
from cellsift.inference.device import choose_device, move_to_device
from cellsift.models import create_model
from cellsift.models.weight_transfer import start_from
from cellsift.settings.arms import Arm
from cellsift.settings.recipe import Recipe
from cellsift.training.checkpoint import fingerprint
from cellsift.training.classification.augmented_batches import AugmentedBatches
from cellsift.training.classification.files import FoldFiles
from cellsift.training.classification.fold_data import FoldData, TrainingData
from cellsift.training.classification.fold_training import FoldTraining
from cellsift.training.classification.outputs import write_fold
from cellsift.training.classification.state import TrainingState
from cellsift.training.classification.teacher import read_teacher
from cellsift.training.engine import RunOptions, train
from cellsift.training.fit_check import check_fits
from cellsift.training.optimisation import make_moving_average, make_optimiser
from cellsift.training.seeds import seed_of
from cellsift.training.starting_point.leakage import learnt_from
from cellsift.training.starting_point.reading import hash_of, starting_weights


def train_fold(
    arm: Arm,
    stores: Mapping[str, CuboidStore],
    table: pd.DataFrame,
    fold: int,
    files: FoldFiles,
    run: RunOptions,
) -> Path:
    """Train one arm with one fold held out and return the path of the model's JSON sidecar.

    The epoch with the best average precision on the held-out fold is kept, of PIP-Net one after
    its prototypes are formed. A training that was killed goes on from its checkpoint, see
    `engine.train`. The checkpoint is removed at the end.

    Args:
        arm: architecture, its options and the recipe.
        stores: cuboids per brain.
        table: from `assign_folds`: brain, candidate, z_um, y_um, x_um, label, fold, and the
            extents that a cuboid is given.

    Raises:
        InputError: a recipe, table, store or device that cannot be used, or a loss that is no
            longer finite.
    """
    recipe, device = arm.recipe or Recipe(), choose_device(run.device)
    data = FoldData.of(stores, table, fold, recipe.label_share, seed_of(run.seed, fold))
    teacher, teacher_hash = read_teacher(files.teacher, recipe, fold, device)
    weights = starting_weights(files.starting_point, arm, data.brains, data.training.layout)
    earlier = [path for path in (files.teacher, files.starting_point) if path is not None]
    provenance = {
        "seed": run.seed,
        "fold": fold,
        "device": device.type,
        "threads": run.threads,
        "recipe": recipe.to_dict(),
        "teacher": teacher_hash,
        "starting_point": hash_of(weights),
        "earlier_brains": sorted(set().union(*map(learnt_from, earlier))),
    }
    network = [arm.architecture, dict(arm.options)]
    mark = fingerprint({"network": network, **provenance}, table, stores, run.code_hash)

    def begin() -> FoldTraining:
        state = first_state(arm, recipe, data, device, weights)
        normalisation = fit_normalisation(recipe.normalisation, data.training)
        batches = AugmentedBatches(data, normalisation, recipe, device, teacher)
        return FoldTraining(f"{arm.name} fold-{fold}", files.curves, state, batches)

    training = train(begin, (run.seed, fold), files.checkpoint, mark, run)
    path = write_fold(arm, training, provenance, files)
    files.checkpoint.unlink(missing_ok=True)
    return path


def first_state(
    arm: Arm,
    recipe: Recipe,
    data: TrainingData,
    device: torch.device,
    weights: Mapping[str, torch.Tensor] | None,
) -> TrainingState:
    """Return the network before its first epoch; InputError for a recipe that it cannot have."""
    channels, shape, _ = data.training.layout
    model = create_model(arm.architecture, channels, shape, **arm.options)
    check_fits(recipe, model)
    if weights is not None:
        start_from(model, weights, "backbone" if recipe.pretraining else recipe.init_parts)
    move_to_device(model, device)
    # What is fitted at once has no steps to average over.
    decay = 0 if model.fitted_at_once else recipe.moving_average
    return TrainingState(
        model,
        make_optimiser(model, recipe.weight_decay),
        make_moving_average(model, decay),
        first_kept=int(model.share_without_labels * recipe.epochs) + 1,
    )
