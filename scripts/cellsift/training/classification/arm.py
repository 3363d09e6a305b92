"""An arm as a whole: folds, their networks, and the one model that they make together."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from cellsift.calibration.arm import join_folds
from cellsift.cuboids.store import CuboidStore
from cellsift.errors import InputError
from cellsift.io.tables import read_table
from cellsift.labels.folds import assign_folds, candidates_in_um, cuboid_extent_um
from cellsift.results import ArmFolder, ModelFolder, SearchFolder
from cellsift.settings.arms import Arm
from cellsift.settings.learnt_detection import LearntDetection
from cellsift.training.classification.files import FoldFiles
from cellsift.training.classification.fold import train_fold
from cellsift.training.engine import DEFAULT_RUN, RunOptions
from cellsift.training.search.choice import with_chosen_recipe
from cellsift.training.search.files import SearchFiles


@dataclass(frozen=True)
class TrainingBrain:
    """An annotated brain to learn from.

    Attributes:
        cuboids: of its candidates.
        labels: what `label_candidates` returned for them.
        voxel_size: of the volume in which the candidates lie, µm (z, y, x).
    """

    cuboids: CuboidStore
    labels: pd.DataFrame
    voxel_size: tuple[float, float, float]


def train_arm(
    arm: Arm,
    brains: Mapping[str, TrainingBrain],
    folder: str | Path,
    *,
    folds: int = 3,
    group_by: str = "auto",
    threshold: str | dict = "f1",
    teacher: str | Path | None = None,
    starting_point: str | Path | None = None,
    run: RunOptions = DEFAULT_RUN,
    detection: Mapping[str, Any] | None = None,
) -> Path:
    """Train an arm on annotated brains, fold by fold, and return the folder with its model.json.

    Args:
        arm: architecture, options and recipe.
        folder: where to write; a training that was killed goes on from there. An arm with a search
            is trained with the recipe of each fold's own search, which lies there too.
        folds, group_by: into how many parts the candidates are divided, and how (`assign_folds`).
        threshold: how the threshold on p_cell is chosen (`calibrate`).
        teacher: folder of the arm that the recipe names as teacher, trained on the same folds.
        starting_point: what the recipe's pretraining or init_from stands for.
        detection: what gave the candidates, recorded for those who use the model:
            {"method": "dog", "soma_diameter": 16}, say, and "least_contrast" where fainter ones
            were dropped.

    Raises InputError as `assign_folds`, `train_fold` and `calibrate` do.
    """
    made = ArmFolder(Path(folder))
    stores = {name: brain.cuboids for name, brain in brains.items()}
    table = _folds(brains, folds, group_by)
    start = None if starting_point is None else Path(starting_point)
    sidecars, scores = [], []
    for fold in range(folds):
        of_fold = made.training.fold(fold)
        files = FoldFiles(
            made.sidecar(fold),
            of_fold.history,
            of_fold.scores,
            of_fold.tensorboard,
            made.checkpoint(fold),
            None if teacher is None else ModelFolder(Path(teacher)).sidecar(fold),
            start,
        )
        tuned = _searched(arm, stores, table, fold, made.search(fold), start, run)
        sidecars.append(train_fold(tuned, stores, table, fold, files, run))
        scores.append(files.scores)
    join_folds(made.path, sidecars, scores, threshold, _learnt(detection))
    return made.path


def _learnt(detection: Mapping[str, Any] | None) -> LearntDetection | None:
    if detection is None:
        return None
    parameters = {k: v for k, v in detection.items() if k not in ("method", "least_contrast")}
    return LearntDetection(detection["method"], parameters, detection.get("least_contrast"))


def _folds(brains: Mapping[str, TrainingBrain], folds: int, group_by: str) -> pd.DataFrame:
    """The candidates of all brains with their folds."""
    rows = [candidates_in_um(n, brain.labels, brain.voxel_size) for n, brain in brains.items()]
    first = next(iter(brains.values())).cuboids
    sizes = [brain.voxel_size for brain in brains.values()]
    extent = cuboid_extent_um(first.shape, first.voxel_size, sizes)
    return assign_folds(pd.concat(rows, ignore_index=True), folds, extent, group_by)


def _searched(
    arm: Arm,
    stores: Mapping[str, CuboidStore],
    table: pd.DataFrame,
    fold: int,
    found: SearchFolder,
    start: Path | None,
    run: RunOptions,
) -> Arm:
    """The arm with the recipe that its search without the fold chooses, if it has a search."""
    if not arm.search:
        return arm
    # Optuna is needed by arms with a search alone.
    from cellsift.training.search.outcome import choose_recipe
    from cellsift.training.search.trials import do_trials

    files = SearchFiles(found.job(1), starting_point=start)
    trials = do_trials(arm, stores, table, fold, files, run)
    choose_recipe(arm, [trials], found, run.seed)
    return with_chosen_recipe(arm, found.chosen)


def out_of_fold_scores(folder: str | Path, brain: str) -> pd.DataFrame:
    """A brain's scores by the networks of `train_arm`'s `folder` that did not learn from them.

    Or by an ensemble that `combine_members` wrote to `folder`. Columns brain, candidate, label,
    fold and logit; for `classify_brain`, where it classifies a brain that was learnt from. Raises
    InputError if the arm did not learn from the brain.
    """
    scores = [read_table(file) for file in ArmFolder(Path(folder)).training.all_scores()]
    known = pd.concat(scores) if scores else pd.DataFrame({"brain": []})
    of_brain = known[known["brain"] == brain]
    if of_brain.empty:
        names = ", ".join(sorted(set(known["brain"]))) or "no brain"
        raise InputError(f"{folder}: the arm learnt from {names}, not from {brain!r}")
    return of_brain
