"""All tables of the evaluation, for every arm and brain, from the tables of the steps before."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd

from cellsift.calibration.calibrate import Criterion
from cellsift.evaluation.brain_tests import LEFT_OUT, brain_tests, without_each_brain
from cellsift.evaluation.calibration_error import expected_calibration_error
from cellsift.evaluation.classification import classification_metrics, confusion
from cellsift.evaluation.comparison import COLUMNS as COMPARISON
from cellsift.evaluation.comparison import compare_arms
from cellsift.evaluation.curves import precision_recall_points, reliability, roc_points
from cellsift.evaluation.end_to_end import candidate_metrics, outcome_metrics
from cellsift.evaluation.evaluated import (
    BRIGHTNESS,
    AnnotatedBrain,
    Arm,
    Group,
    brightness_arm,
    groups_of,
    model_arm,
)
from cellsift.evaluation.failures import failures, surroundings_of
from cellsift.evaluation.operating_points import operating_points
from cellsift.evaluation.outcomes import NOT_JUDGED, end_to_end_outcomes
from cellsift.evaluation.paired_tests import COLUMNS as TESTS
from cellsift.evaluation.paired_tests import candidate_tests
from cellsift.evaluation.resampling import RESAMPLES
from cellsift.evaluation.verdicts import COLUMNS as VERDICTS
from cellsift.evaluation.verdicts import verdicts
from cellsift.io.axes import AXES
from cellsift.io.names import CELL, NO_CELL

__all__ = ["BRIGHTNESS", "AnnotatedBrain", "evaluate_project"]

Outcomes = Mapping[tuple[str, str], pd.DataFrame]


def evaluate_project(
    brains: Sequence[AnnotatedBrain],
    cells: Mapping[str, Mapping[str, pd.DataFrame]],
    thresholds: Mapping[str, float],
    seed: int = 0,
    resamples: int = RESAMPLES,
    finished: Collection[str] = (),
    learnt_from: Collection[str] = (),
    criteria: Mapping[str, Criterion] | None = None,
) -> dict[str, pd.DataFrame]:
    """Return the tables of results/evaluation by name, without the suffix .csv.

    `cells[arm][brain]` has the columns z, y, x, p_cell, is_cell, one row per candidate in the
    candidates' order; `thresholds[arm]` is the p_cell from which a candidate is a cell, chosen by
    `criteria[arm]` (f1 where it is not named). Columns:

    - classification: arm, brain, role, scores, metric, value, low, high
    - end_to_end: arm, brain, role, scores, metric, value, low, high, note
    - detection: brain, role, metric, value, low, high
    - confusion: arm, brain, role, scores and the counts
    - roc: arm, brain, role, false_positive_rate, recall, threshold
    - precision_recall: arm, brain, role, recall, precision, threshold
    - calibration_curve: arm, brain, role, and the columns of `curves.reliability`
    - calibration_error: arm, brain, role, scores, and those of `expected_calibration_error`
    - operating_points: those of `operating_points`, of all arms
    - failures: arm, brain, role, scores, and those of `failures`

    and of each pair of arms, on test brains alone:

    - comparison: arm_a, arm_b, brain, metric, difference, low, high, low_joint, high_joint
    - paired_tests: arm_a, arm_b, brain, test, metric, unit, units, difference, statistic, p,
      p_holm, p_joint: `candidate_tests` of each brain and of all, `brain_tests` of all
    - left_out: arm_a, arm_b, metric, left_out, difference, of two or more test brains
    - verdicts: those of `verdicts.verdicts`, on all test brains together, or the only one

    Two or more brains of one role also give rows named "all train brains" or "all test brains",
    whose intervals draw brains first, then blocks of tissue. `scores` says what a row may be
    trusted for: "out-of-fold" (train brains: weights fitted without the candidate; but the epoch
    at which they were taken, temperature and threshold were chosen on these scores, so the figures
    are slightly optimistic), "locked" (test brains: nothing fitted or chosen by their annotation),
    "model as it is" (train brains by one of the `finished` arms, which has learnt from none of
    them).
    Of brains that the arms have `learnt_from` there are rows of detection alone.
    The arm "brightness threshold" is the baseline: it calls a cell wherever the candidate's
    contrast reaches the value that had the highest F1 on the train brains. It is left out where
    a brain's candidates have no column contrast or no train brain is given. Raises InputError
    where tables do not fit each other.
    """
    criteria = {} if criteria is None else criteria
    arms = [
        replace(model_arm(name, brains, cells[name], thresholds), is_finished=name in finished)
        for name in cells
    ]
    judged = [brain for brain in brains if brain.name not in learnt_from]
    arms += brightness_arm(judged)
    groups = groups_of(judged)
    probable = [arm for arm in arms if arm.is_probability]
    outcomes = {
        (arm.name, brain.name): _outcomes(
            brain, arm.called[brain.name], brain.judged, brain.counted
        )
        for arm in arms
        for brain in judged
    }
    tables = {
        "classification": _stack(arms, groups, partial(_classified, seed, resamples)),
        "end_to_end": _stack(arms, groups, partial(_ended, outcomes, seed, resamples)),
        "detection": _detected(groups_of(brains), seed, resamples),
        "confusion": _stack(arms, groups, _confused),
        "roc": _stack(arms, groups, partial(_curve, roc_points)),
        "precision_recall": _stack(arms, groups, partial(_curve, precision_recall_points)),
        "calibration_curve": _stack(probable, groups, partial(_curve, reliability)),
        "calibration_error": _off(probable, groups, seed, resamples),
        "operating_points": operating_points(arms, groups, criteria, seed, resamples),
        "failures": _failed(arms, groups, outcomes, seed, resamples),
    }
    for name in ("roc", "precision_recall", "calibration_curve"):
        tables[name] = tables[name].drop(columns="scores")
    return tables | _in_pairs(arms, [g for g in groups if g.role == "test"], seed, resamples)


def _stack(
    arms: Sequence[Arm], groups: Sequence[Group], measure: Callable[[Arm, Group], pd.DataFrame]
) -> pd.DataFrame:
    """One table of what `measure` finds for every arm and group, with columns that name them."""
    tables = []
    for arm in arms:
        for group in groups:
            named = {"arm": arm.name, "brain": group.name, "role": group.role}
            named["scores"] = arm.origin(group.role)
            table = measure(arm, group)
            for position, (column, value) in enumerate(named.items()):
                table.insert(position, column, value)
            tables.append(table)
    return _joined(tables, ["arm", "brain", "role", "scores"])


def _joined(tables: Sequence[pd.DataFrame], columns: Sequence[str]) -> pd.DataFrame:
    filled = [table for table in tables if len(table)] or list(tables[:1])
    return pd.concat(filled, ignore_index=True) if filled else pd.DataFrame(columns=list(columns))


def _classified(seed: int, resamples: int, arm: Arm, group: Group) -> pd.DataFrame:
    return classification_metrics(
        group.labels,
        group.scores(arm),
        arm.threshold,
        groups=group.brain_of_candidate,
        blocks=group.block_of_candidate,
        seed=seed,
        resamples=resamples,
        is_probability=arm.is_probability,
    )


def _confused(arm: Arm, group: Group) -> pd.DataFrame:
    return pd.DataFrame([confusion(group.labels, group.scores(arm), arm.threshold)])


def _curve(draw: Callable, arm: Arm, group: Group) -> pd.DataFrame:
    return draw(group.labels, group.scores(arm))


def _off(arms: Sequence[Arm], groups: Sequence[Group], seed: int, resamples: int) -> pd.DataFrame:
    tables = {
        group.name: expected_calibration_error(
            group.labels,
            {arm.name: group.scores(arm) for arm in arms},
            group.brain_of_candidate,
            group.block_of_candidate,
            seed,
            resamples,
        ).set_index("arm")
        for group in groups
    }
    return _stack(
        arms, groups, lambda arm, group: tables[group.name].loc[[arm.name]].reset_index(drop=True)
    )


def _ended(outcomes: Outcomes, seed: int, resamples: int, arm: Arm, group: Group) -> pd.DataFrame:
    of_brain = {brain.name: outcomes[arm.name, brain.name] for brain in group.brains}
    return outcome_metrics(of_brain, _in_part(group), seed, resamples)


def _failed(
    arms: Sequence[Arm], groups: Sequence[Group], outcomes: Outcomes, seed: int, resamples: int
) -> pd.DataFrame:
    places = {brain.name: surroundings_of(brain) for group in groups for brain in group.brains}

    def measure(arm: Arm, group: Group) -> pd.DataFrame:
        names = [brain.name for brain in group.brains]
        return failures(
            {name: outcomes[arm.name, name] for name in names},
            {name: places[name] for name in names},
            _in_part(group),
            seed,
            resamples,
        )

    return _stack(arms, groups, measure)


def _in_part(group: Group) -> bool:
    return any(brain.non_cells is not None for brain in group.brains)


def _detected(groups: Sequence[Group], seed: int, resamples: int) -> pd.DataFrame:
    tables = []
    for group in groups:
        outcomes = {
            brain.name: _outcomes(brain, np.ones(len(brain.candidates), bool))
            for brain in group.brains
        }
        table = candidate_metrics(outcomes, seed, resamples)
        table.insert(0, "brain", group.name)
        table.insert(1, "role", group.role)
        tables.append(table)
    return _joined(tables, ["brain", "role", "metric", "value", "low", "high"])


def _outcomes(
    brain: AnnotatedBrain,
    called: np.ndarray,
    judged: np.ndarray | None = None,
    counted: np.ndarray | None = None,
) -> pd.DataFrame:
    """What became of what is called and annotated, but for what nobody can judge."""
    found = end_to_end_outcomes(
        brain.candidates[AXES].assign(is_cell=called),
        brain.annotation,
        brain.voxel_size,
        brain.distance_um,
        judged,
        counted,
    )
    return found[found["outcome"] != NOT_JUDGED]


def _in_pairs(
    arms: Sequence[Arm], groups: Sequence[Group], seed: int, resamples: int
) -> dict[str, pd.DataFrame]:
    """What tells two arms apart on test brains, each alone and, the last group, all together."""
    if not groups:
        nothing = {
            "comparison": [*COMPARISON[:2], "brain", *COMPARISON[2:]],
            "paired_tests": [*TESTS[:2], "brain", *TESTS[2:]],
            "left_out": LEFT_OUT,
            "verdicts": VERDICTS,
        }
        return {name: pd.DataFrame(columns=columns) for name, columns in nothing.items()}
    compared, tested = [], []
    for group in groups:
        scores, thresholds = _scored(arms, group)
        where = (group.brain_of_candidate, group.block_of_candidate)
        found = compare_arms(group.labels, scores, thresholds, *where, seed, resamples)
        compared.append(_of_brain(found, group.name))
        tested.append(_of_brain(candidate_tests(group.labels, scores, thresholds), group.name))
    tables = {"comparison": _joined(compared, [])}
    judged = groups[-1]
    comparison, brains = tables["comparison"], [brain.name for brain in judged.brains]
    of_brains = comparison[comparison["brain"].isin(brains)]
    by_brain = _of_brain(brain_tests(of_brains, seed), judged.name)
    tables["paired_tests"] = _joined([*tested, by_brain], [])
    tables["left_out"] = without_each_brain(
        judged.labels, *_scored(arms, judged), judged.brain_of_candidate
    )
    tests = tables["paired_tests"]
    tables["verdicts"] = verdicts(
        comparison[comparison["brain"] == judged.name],
        tests[tests["brain"] == judged.name],
        tables["left_out"],
        brains,
        *((judged.labels == label).sum() for label in (CELL, NO_CELL)),
    )
    return tables


def _scored(arms: Sequence[Arm], group: Group) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    scores = {arm.name: group.scores(arm) for arm in arms}
    return scores, {arm.name: arm.threshold for arm in arms}


def _of_brain(table: pd.DataFrame, brain: str) -> pd.DataFrame:
    table.insert(2, "brain", brain)
    return table
