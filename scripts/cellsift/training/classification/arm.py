"""An arm as a whole: folds, their networks, and the one model that they make together."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from cellsift.calibration.arm import join_folds
from cellsift.cuboids.store import CuboidStore
from cellsift.errors import InputError
from cellsift.io.tables import read_table
from cellsift.labels.folds import assign_folds, candidates_in_um, cuboid_extent_um
from cellsift.settings.arms import Arm
from cellsift.training.classification.loop import train_fold


def train_arm(
    arm: Arm,
    stores: Mapping[str, CuboidStore],
    labels: Mapping[str, pd.DataFrame],
    voxel_sizes: Mapping[str, tuple[float, float, float]],
    folder: str | Path,
    *,
    folds: int = 3,
    group_by: str = "auto",
    threshold: str | dict = "f1",
    seed: int = 1,
    device: str = "auto",
    threads: int = 1,
    teacher: str | Path | None = None,
    starting_point: str | Path | None = None,
    code: str = "",
) -> Path:
    """Train an arm on annotated brains, fold by fold, and return the folder with its model.json.

    Args:
        arm: architecture, options and recipe.
        stores: cuboids by brain (`CuboidStore`).
        labels: by brain, what `label_candidates` returned for the candidates of its store.
        voxel_sizes: by brain, of the volume in which the candidates lie, µm (z, y, x).
        folder: where to write; a training that was killed goes on from there. An arm with a search
            is trained with the recipe of each fold's own search, which lies there too.
        teacher: folder of the arm that the recipe names as teacher, trained on the same folds.
        starting_point: what the recipe's pretraining or init_from stands for.
        code: as of `train_fold`.

    Raises InputError as `assign_folds`, `train_fold` and `calibrate` do.
    """
    folder, store = Path(folder), next(iter(stores.values()))
    rows = [candidates_in_um(brain, labels[brain], voxel_sizes[brain]) for brain in stores]
    sizes = [voxel_sizes[brain] for brain in stores]
    extent = cuboid_extent_um(store.shape, store.voxel_size, sizes)
    table = assign_folds(pd.concat(rows, ignore_index=True), folds, extent, group_by)
    places = [folder / "training" / f"fold-{fold}" for fold in range(folds)]
    how = {
        "seed": seed,
        "device": device,
        "threads": threads,
        "starting_point": starting_point,
        "code": code,
    }
    sidecars = [
        train_fold(
            _searched(arm, stores, table, fold, folder / "search" / f"fold-{fold}", how),
            stores,
            table,
            fold,
            model_folder=folder,
            training_folder=place,
            checkpoint=folder / "checkpoints" / f"fold-{fold}.pt",
            teacher=None if teacher is None else Path(teacher) / f"fold-{fold}.json",
            **how,
        )
        for fold, place in enumerate(places)
    ]
    join_folds(folder, sidecars, [place / "scores.csv" for place in places], threshold)
    return folder


def _searched(
    arm: Arm,
    stores: Mapping[str, CuboidStore],
    table: pd.DataFrame,
    fold: int,
    folder: Path,
    how: Mapping[str, Any],
) -> Arm:
    """The arm with the recipe that its search without the fold chooses, if it has a search."""
    if not arm.search:
        return arm
    # Optuna is needed by arms with a search alone.
    from cellsift.training.search.trials import with_searched_recipe

    return with_searched_recipe(arm, stores, table, fold, folder, **how)


def out_of_fold_scores(folder: str | Path, brain: str) -> pd.DataFrame:
    """A brain's scores by the networks of `train_arm`'s `folder` that did not learn from them.

    Or by an ensemble that `combine_members` wrote to `folder`. Columns brain, candidate, label,
    fold and logit; for `classify_brain`, where it classifies a brain that was learnt from. Raises
    InputError if the arm did not learn from the brain.
    """
    scores = [read_table(file) for file in sorted(Path(folder).glob("training/**/scores.csv"))]
    known = pd.concat(scores) if scores else pd.DataFrame({"brain": []})
    of_brain = known[known["brain"] == brain]
    if of_brain.empty:
        names = ", ".join(sorted(set(known["brain"]))) or "no brain"
        raise InputError(f"{folder}: the arm learnt from {names}, not from {brain!r}")
    return of_brain
