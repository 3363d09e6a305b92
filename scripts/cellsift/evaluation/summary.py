"""All tables of the evaluation, for every arm and brain, from the tables of the steps before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cellsift.errors import InputError
from cellsift.evaluation.calibration import AMBIGUOUS, CELL, choose_threshold
from cellsift.evaluation.classification import classification_metrics, confusion
from cellsift.evaluation.comparison import compare_arms
from cellsift.evaluation.curves import precision_recall_points, reliability, roc_points
from cellsift.evaluation.end_to_end import (
    AXES,
    candidate_metrics,
    end_to_end_outcomes,
    outcome_metrics,
)
from cellsift.evaluation.intervals import RESAMPLES

BRIGHTNESS = "brightness threshold"

# How the scores of a brain came about, by its role.
ORIGIN = {"train": "out-of-fold", "test": "locked"}
FITTED = "threshold fitted here"


@dataclass(frozen=True)
class AnnotatedBrain:
    """An annotated brain of role train or test, as the steps before evaluation left it.

    candidates: columns z, y, x (voxels) and, for the brightness threshold, contrast.
    labels: cell, no_cell or ambiguous, one per candidate in the same order.
    annotation: all annotated cells, columns z, y, x. non_cells: annotated artefacts or None;
    where they are given the annotation is partial. voxel_size: z, y, x in µm.
    """

    name: str
    role: str
    candidates: pd.DataFrame
    labels: pd.Series
    annotation: pd.DataFrame
    non_cells: pd.DataFrame | None
    voxel_size: tuple[float, float, float]
    distance_um: float


def evaluate_project(
    brains: Sequence[AnnotatedBrain],
    cells: Mapping[str, Mapping[str, pd.DataFrame]],
    thresholds: Mapping[str, float],
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> dict[str, pd.DataFrame]:
    """Return the tables of results/evaluation by name, without the suffix .csv.

    `cells[arm][brain]` has the columns z, y, x, p_cell, is_cell, one row per candidate in the
    candidates' order; `thresholds[arm]` is the p_cell from which a candidate is a cell. Columns:

    - classification: arm, brain, role, scores, metric, value, low, high
    - end_to_end: arm, brain, role, scores, metric, value, low, high, note
    - detection: brain, role, metric, value, low, high
    - confusion: arm, brain, role, scores and the counts
    - roc: arm, brain, role, false_positive_rate, recall, threshold
    - precision_recall: arm, brain, role, recall, precision, threshold
    - calibration_curve: arm, brain, role, and the columns of `curves.reliability`
    - comparison: arm_a, arm_b, brain, metric, difference, low, high, on test brains

    Two or more brains of one role also give rows named "all train brains" or "all test brains",
    whose intervals draw brains first. `scores` says what a row may be trusted for:
    "out-of-fold" (train brains: weights fitted without the candidate, though temperature and
    threshold were fitted on these scores), "locked" (test brains: nothing fitted on them).
    The arm "brightness threshold" is the floor: it calls a cell wherever the candidate's
    contrast reaches the value that had the highest F1 on the train brains. It is left out where
    a brain's candidates have no column contrast or no train brain is given. Raises InputError
    where tables do not fit each other.
    """
    arms = _model_arms(brains, cells, thresholds)
    floor = _brightness_arm(brains)
    if floor is not None:
        arms.append(floor)
    groups = _groups(brains)
    tables = {
        "classification": _stack(arms, groups, _classification(seed, resamples)),
        "end_to_end": _stack(arms, groups, _end_to_end(seed, resamples)),
        "detection": _detection(groups, seed, resamples),
        "confusion": _stack(arms, groups, _confusion),
        "roc": _stack(arms, groups, _curve(roc_points)),
        "precision_recall": _stack(arms, groups, _curve(precision_recall_points)),
        "calibration_curve": _stack(
            [arm for arm in arms if arm.is_probability], groups, _curve(reliability)
        ),
        "comparison": _comparison(arms, groups, seed, resamples),
    }
    for name in ("roc", "precision_recall", "calibration_curve"):
        tables[name] = tables[name].drop(columns="scores")
    return tables
