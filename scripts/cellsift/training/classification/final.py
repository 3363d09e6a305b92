"""The training of one arm on all labelled candidates of all annotated brains, for a release."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from cellsift.cuboids.batches import Cuboids, common_layout, fit_normalisation
from cellsift.cuboids.store import CuboidStore
from cellsift.inference.device import choose_device
from cellsift.io.names import CELL, NO_CELL
from cellsift.labels.folds import share_of_labels
from cellsift.settings.arms import Arm
from cellsift.settings.recipe import Recipe
from cellsift.training.checkpoint import fingerprint
from cellsift.training.classification.augmented_batches import AugmentedBatches
from cellsift.training.classification.files import FinalFiles
from cellsift.training.classification.final_training import FinalTraining, epochs_of
from cellsift.training.classification.fold import first_state
from cellsift.training.classification.fold_data import TrainingData
from cellsift.training.classification.outputs import write_final
from cellsift.training.classification.teacher import read_teacher
from cellsift.training.engine import RunOptions, train
from cellsift.training.seeds import seed_of
from cellsift.training.starting_point.leakage import learnt_from
from cellsift.training.starting_point.reading import hash_of, starting_weights

# In place of a fold's number: in files and provenance, and in seeds, which no fold has.
ALL, NUMBER = "all", 1000


def train_final(
    arm: Arm,
    stores: Mapping[str, CuboidStore],
    labels: pd.DataFrame,
    log_odds: float,
    of_folds: Sequence[Mapping[str, Any]],
    files: FinalFiles,
    run: RunOptions,
) -> Path:
    """Train one arm with nothing held out and return the path of the model's JSON sidecar.

    It ends after the median of the epochs at which the networks of the folds were taken. A training
    that was killed goes on from its checkpoint, see `engine.train`.

    Args:
        arm: architecture, its options and the recipe.
        stores: cuboids per brain, of all annotated ones.
        labels: brain, candidate and label of their candidates.
        log_odds: of a cell, for which the networks of the folds stand, so that their temperature
            and threshold hold for this one.
        of_folds: the sidecars of these networks.

    Raises InputError as `train_fold` does.
    """
    recipe, device = arm.recipe or Recipe(), choose_device(run.device)
    data = _data(stores, labels, log_odds, recipe.label_share, seed_of(run.seed, NUMBER))
    teacher, teacher_hash = read_teacher(files.teacher, recipe, ALL, device)
    weights = starting_weights(files.starting_point, arm, data.brains, data.training.layout)
    earlier = [path for path in (files.teacher, files.starting_point) if path is not None]
    epochs = epochs_of(of_folds)
    provenance = {
        "seed": run.seed,
        "fold": ALL,
        "epochs_of_folds": [int(sidecar["provenance"]["best_epoch"]) for sidecar in of_folds],
        "device": device.type,
        "threads": run.threads,
        "recipe": recipe.to_dict(),
        "teacher": teacher_hash,
        "starting_point": hash_of(weights),
        "earlier_brains": sorted(set().union(*map(learnt_from, earlier))),
    }
    network = [arm.architecture, dict(arm.options), log_odds]
    mark = fingerprint({"network": network, **provenance}, labels, stores, run.code_hash)

    def begin() -> FinalTraining:
        state = first_state(arm, recipe, data, device, weights)
        normalisation = fit_normalisation(recipe.normalisation, data.training)
        batches = AugmentedBatches(data, normalisation, recipe, device, teacher)
        return FinalTraining(f"{arm.name} on all brains", files.curves, state, batches, epochs)

    training = train(begin, (run.seed, NUMBER), files.checkpoint, mark, run)
    path = write_final(arm, training, provenance, files)
    files.checkpoint.unlink(missing_ok=True)
    return path


def _data(
    stores: Mapping[str, CuboidStore],
    labels: pd.DataFrame,
    log_odds: float,
    share: float,
    seed: int,
) -> TrainingData:
    common_layout(stores)
    rows = share_of_labels(labels[labels["label"].isin([CELL, NO_CELL])], share, seed)
    return TrainingData(Cuboids(stores, rows), rows, log_odds)
