"""The trials of a search: each trains with another recipe, judged on candidates left out of it."""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
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
from cellsift.settings.search import recipe_with
from cellsift.training.checkpoint import fingerprint
from cellsift.training.classification.loop import train_fold
from cellsift.training.search.choice import CHOSEN, with_chosen_recipe
from cellsift.training.search.outcome import choose_recipe, write_trials
from cellsift.training.search.study import (
    ended_trials,
    has_tried_own,
    next_trial,
    open_study,
    own_trial,
)
from cellsift.training.seeds import seed_of
from cellsift.training.starting_point import file_digest

JOURNAL = "journal.log"
Stores = Mapping[str, CuboidStore]


def do_trials(
    arm: Arm,
    stores: Stores,
    table: pd.DataFrame,
    left_out: int | None,
    folder: str | Path,
    *,
    job: int = 1,
    seed: int = 1,
    device: str = "auto",
    threads: int = 1,
    starting_point: str | Path | None = None,
    code: str = "",
    progress: bool = True,
    watch: Callable[[float, int], object] | None = None,
) -> Path:
    """Do trials of an arm's search until there are enough; return the table of all, job-N.csv.

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
        folder: of the search; journal.log in it is what the jobs share.
        job: number of this job, from 1.
        device, threads, starting_point, code, progress: as of `train_fold`.
        watch: called with the trials that are done, by all jobs, and their number.

    Raises:
        InputError: too few candidates for inner folds, or what `train_fold` raises.
    """
    folder = Path(folder)
    rows = inner_folds(table, left_out, arm.search["inner_folds"])
    name = study_name(arm, stores, rows, seed, starting_point, code)
    study = open_study(folder / JOURNAL, name)
    work = folder / f"work-{job}"
    training = {
        "seed": seed,
        "device": device,
        "threads": threads,
        "starting_point": starting_point,
        "code": code,
        "progress": progress,
    }
    wanted = arm.search["trials"]
    watch = watch or (lambda done, total: None)
    watch(len(ended_trials(study)), wanted)
    if job == 1 and not has_tried_own(study):
        own = own_trial(study, arm.recipe, arm.search, seed)
        _try(study, own, arm, stores, rows, work, training)
    while (done := len(ended_trials(study))) < wanted:
        watch(done, wanted)
        trial = next_trial(study, arm.search, seed_of(seed, job))
        _try(study, trial, arm, stores, rows, work, training)
    shutil.rmtree(work, ignore_errors=True)
    path = folder / f"job-{job}.csv"
    write_trials(study, path)
    return path


def study_name(
    arm: Arm,
    stores: Stores,
    rows: pd.DataFrame,
    seed: int,
    starting_point: str | Path | None,
    code: str = "",
) -> str:
    """Return a hash of all that decides what a search finds, but for the number of its trials.

    What changes it begins a study of its own in the same journal.
    """
    settings = {
        "architecture": arm.architecture,
        "options": arm.options,
        "recipe": arm.recipe,
        "starting_point": None if starting_point is None else file_digest(starting_point),
        "space": arm.search["space"],
        "seed": seed,
    }
    return fingerprint(settings, rows, stores, code)


def with_searched_recipe(
    arm: Arm,
    stores: Stores,
    table: pd.DataFrame,
    left_out: int | None,
    folder: str | Path,
    **training: Any,
) -> Arm:
    """Return the arm with the recipe that its search chooses; arguments as of `do_trials`."""
    trials = do_trials(arm, stores, table, left_out, folder, **training)
    choose_recipe(arm, [trials], folder, training.get("seed", 1))
    return with_chosen_recipe(arm, Path(folder) / CHOSEN)


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
            f"inner folds of the search that leaves fold {left_out} out: {error}"
        ) from error


def _try(
    study: optuna.Study,
    trial: optuna.Trial,
    arm: Arm,
    stores: Stores,
    rows: pd.DataFrame,
    work: Path,
    training: Mapping[str, Any],
) -> None:
    """Train with the trial's recipe on every inner fold, and tell the study how good it is."""
    tried = replace(arm, recipe=recipe_with(arm.recipe, trial.params))
    merits: list[float] = []
    numbers = sorted(set(rows["fold"]))
    for number in numbers:
        places = {
            "model_folder": work,
            "training_folder": work,
            "checkpoint": work / f"{number}.pt",
        }
        try:
            made = train_fold(tried, stores, rows, number, **places, **training)
        except TrainingDiverged as error:
            trial.set_user_attr("note", str(error))
            study.tell(trial, state=TrialState.PRUNED)
            return
        merits.append(read_json(made)["provenance"]["average_precision"])
        trial.report(float(np.mean(merits)), step=len(merits))
        # What has been trained on all folds is judged by all of them.
        if len(merits) == 1 < len(numbers) and trial.should_prune():
            study.tell(trial, state=TrialState.PRUNED)
            return
    study.tell(trial, float(np.mean(merits)))
