"""The trials of a search: each trains with another recipe, judged on candidates left out of it."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pandas as pd
from optuna.trial import TrialState

from cellsift.cuboids.store import CuboidStore
from cellsift.errors import InputError, TrainingDiverged
from cellsift.io.json_files import read_json
from cellsift.labels.folds import EXTENT, assign_folds, training_rows
from cellsift.settings.arms import Arm
from cellsift.settings.recipe import Recipe
from cellsift.settings.search import Search, recipe_with
from cellsift.training.checkpoint import fingerprint
from cellsift.training.classification.fold import train_fold
from cellsift.training.engine import RunOptions
from cellsift.training.journal import ended_trials
from cellsift.training.search.files import SearchFiles
from cellsift.training.search.outcome import write_trials
from cellsift.training.search.study import (
    has_tried_own,
    next_trial,
    open_recipe_study,
    own_trial,
)
from cellsift.training.seeds import seed_of
from cellsift.training.starting_point.files import file_hash

Stores = Mapping[str, CuboidStore]


@dataclass(frozen=True)
class InnerTrainings:
    """Trains an arm with one recipe and another, on the candidates that a search may see.

    Attributes:
        rows: these candidates, with inner folds.
    """

    arm: Arm
    stores: Stores
    rows: pd.DataFrame
    files: SearchFiles
    run: RunOptions

    @property
    def folds(self) -> list[int]:
        """The numbers of the inner folds."""
        return sorted(set(self.rows["fold"]))

    def average_precision(self, values: Mapping[str, Any], fold: int) -> float:
        """Train with these values of the recipe and an inner fold held out; return its figure."""
        tried = replace(self.arm, recipe=recipe_with(self.arm.recipe or Recipe(), values))
        files = self.files.fold(fold)
        made = train_fold(tried, self.stores, self.rows, fold, files, self.run)
        return read_json(made)["provenance"]["average_precision"]


def do_trials(
    arm: Arm,
    stores: Stores,
    table: pd.DataFrame,
    left_out: int | None,
    files: SearchFiles,
    run: RunOptions,
) -> Path:
    """Do trials of an arm's search until there are enough; return the file of all.

    A trial trains the arm with a recipe out of `arm.search` once for each inner fold; its merit is
    the mean average precision on the inner folds. One that is worse on the first of them than half
    of the others is given up (median stopping rule, Golovin et al. 2017, section 3.2.2). Trials of
    jobs that share the folder count for all of them; the first job sees to it that the arm's own
    recipe is among them. After a kill the search goes on.

    Args:
        stores: cuboids of the train brains, by brain.
        table: candidates with their folds, as `assign_folds` returns it.
        left_out: the fold whose candidates no trial may see, so that the recipe found can be
            judged on them; None: all may be seen, and the folds of the table are the inner folds.

    Raises:
        InputError: too few candidates for inner folds, or what `train_fold` raises.
    """
    recipe, search = arm.recipe or Recipe(), arm.search or Search()
    rows = inner_folds(table, left_out, search.inner_folds)
    trainings = InnerTrainings(arm, stores, rows, files, run)
    name = study_name(arm, stores, rows, run.seed, files.starting_point, run.code_hash)
    study = open_recipe_study(files.journal, name)
    run.progress.trials_done(len(ended_trials(study)), search.trials)
    if files.job == 1 and not has_tried_own(study):
        _run_trial(study, own_trial(study, recipe, search, run.seed), trainings)
    while (done := len(ended_trials(study))) < search.trials:
        run.progress.trials_done(done, search.trials)
        trial = next_trial(study, search, seed_of(run.seed, files.job))
        _run_trial(study, trial, trainings)
    shutil.rmtree(files.work, ignore_errors=True)
    write_trials(study, files.trials)
    return files.trials


def study_name(
    arm: Arm,
    stores: Stores,
    rows: pd.DataFrame,
    seed: int,
    starting_point: Path | None,
    code: str = "",
) -> str:
    """Return a hash of all that decides what a search finds, but for the number of its trials.

    What changes it begins a study of its own in the same journal.
    """
    content = arm.to_dict()
    settings = {
        **{key: content[key] for key in ("architecture", "options", "recipe")},
        "starting_point": None if starting_point is None else file_hash(starting_point),
        "space": content["search"]["space"],
        "seed": seed,
    }
    return fingerprint(settings, rows, stores, code)


def inner_folds(table: pd.DataFrame, left_out: int | None, folds: int) -> pd.DataFrame:
    """Return the candidates that a search may see, with the folds by which it judges recipes.

    With a fold left out these are the candidates to train on when it is held out, divided anew.
    """
    if left_out is None:
        return table
    rows = training_rows(table, left_out)
    extent = tuple(rows[EXTENT].iloc[0])
    try:
        return assign_folds(rows.drop(columns=[*EXTENT, "fold"]), folds, extent)
    except InputError as error:
        raise InputError(
            f"inner folds of the search that leaves fold-{left_out} out: {error}"
        ) from error


def _run_trial(study: optuna.Study, trial: optuna.Trial, trainings: InnerTrainings) -> None:
    """Train with the trial's recipe on every inner fold, and tell the study how good it is."""
    merits: list[float] = []
    for fold in trainings.folds:
        try:
            merits.append(trainings.average_precision(trial.params, fold))
        except TrainingDiverged as error:
            trial.set_user_attr("note", str(error))
            study.tell(trial, state=TrialState.PRUNED)
            return
        trial.report(float(np.mean(merits)), step=len(merits))
        # What has been trained on all folds is judged by all of them.
        if len(merits) == 1 < len(trainings.folds) and trial.should_prune():
            study.tell(trial, state=TrialState.PRUNED)
            return
    study.tell(trial, float(np.mean(merits)))
