"""All tables of the evaluation, for every arm and brain, from the tables of the steps before."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd

from cellsift.calibration.calibrate import choose_threshold
from cellsift.errors import InputError
from cellsift.evaluation.classification import classification_metrics, confusion
from cellsift.evaluation.comparison import compare_arms
from cellsift.evaluation.curves import precision_recall_points, reliability, roc_points
from cellsift.evaluation.end_to_end import candidate_metrics, outcome_metrics
from cellsift.evaluation.outcomes import NOT_JUDGED, end_to_end_outcomes
from cellsift.evaluation.resampling import RESAMPLES, blocks_of
from cellsift.io.axes import AXES
from cellsift.io.names import AMBIGUOUS, AS_IT_IS, CELL

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
    judged: of each candidate, whether a cell that is called there can be told right or wrong; None
    where that is so of all. counted: the same of each annotated cell.
    """

    name: str
    role: str
    candidates: pd.DataFrame
    labels: pd.Series
    annotation: pd.DataFrame
    non_cells: pd.DataFrame | None
    voxel_size: tuple[float, float, float]
    distance_um: float
    judged: np.ndarray | None = None
    counted: np.ndarray | None = None


def evaluate_project(
    brains: Sequence[AnnotatedBrain],
    cells: Mapping[str, Mapping[str, pd.DataFrame]],
    thresholds: Mapping[str, float],
    seed: int = 0,
    resamples: int = RESAMPLES,
    finished: Collection[str] = (),
    learnt_from: Collection[str] = (),
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
    arms = [
        replace(_model_arm(name, brains, cells[name], thresholds), is_finished=name in finished)
        for name in cells
    ]
    judged = [brain for brain in brains if brain.name not in learnt_from]
    arms += _brightness_arm(judged)
    groups = _groups(judged)
    probable = [arm for arm in arms if arm.is_probability]
    tables = {
        "classification": _stack(arms, groups, partial(_classified, seed, resamples)),
        "end_to_end": _stack(arms, groups, partial(_ended, seed, resamples)),
        "detection": _detected(_groups(brains), seed, resamples),
        "confusion": _stack(arms, groups, _confused),
        "roc": _stack(arms, groups, partial(_curve, roc_points)),
        "precision_recall": _stack(arms, groups, partial(_curve, precision_recall_points)),
        "calibration_curve": _stack(probable, groups, partial(_curve, reliability)),
        "comparison": _compared(arms, groups, seed, resamples),
    }
    for name in ("roc", "precision_recall", "calibration_curve"):
        tables[name] = tables[name].drop(columns="scores")
    return tables


@dataclass(frozen=True)
class _Arm:
    """One arm's scores and verdicts, by brain."""

    name: str
    threshold: float
    scores: Mapping[str, np.ndarray]
    called: Mapping[str, np.ndarray]
    is_probability: bool = True
    is_finished: bool = False

    def origin(self, role: str) -> str:
        if self.is_finished and role == "train":
            return AS_IT_IS
        return ORIGIN[role] if self.is_probability or role != "train" else FITTED


@dataclass(frozen=True)
class _Group:
    """One brain, or all brains of a role, measured together."""

    name: str
    role: str
    brains: Sequence[AnnotatedBrain]

    @property
    def labels(self) -> np.ndarray:
        return np.concatenate([np.asarray(brain.labels, object) for brain in self.brains])

    @property
    def brain_of_candidate(self) -> np.ndarray:
        names = [brain.name for brain in self.brains]
        return np.repeat(names, [len(brain.labels) for brain in self.brains])

    @property
    def block_of_candidate(self) -> np.ndarray:
        return np.concatenate(
            [blocks_of(brain.candidates[AXES] * brain.voxel_size) for brain in self.brains]
        )

    def scores(self, arm: _Arm) -> np.ndarray:
        return np.concatenate([arm.scores[brain.name] for brain in self.brains])


def _groups(brains: Sequence[AnnotatedBrain]) -> list[_Group]:
    groups = []
    for role in ORIGIN:
        members = [brain for brain in brains if brain.role == role]
        groups += [_Group(brain.name, role, [brain]) for brain in members]
        if len(members) > 1:
            groups.append(_Group(f"all {role} brains", role, members))
    return groups


def _model_arm(
    name: str,
    brains: Sequence[AnnotatedBrain],
    cells: Mapping[str, pd.DataFrame],
    thresholds: Mapping[str, float],
) -> _Arm:
    if name not in thresholds:
        raise InputError(f"arm {name} has no threshold; calibrate it first")
    for brain in brains:
        _check_brain(brain)
        if brain.name not in cells:
            raise InputError(f"arm {name} has not classified brain {brain.name}")
        _check_cells(name, brain, cells[brain.name], thresholds[name])
    return _Arm(
        name,
        thresholds[name],
        {brain.name: cells[brain.name]["p_cell"].to_numpy(float) for brain in brains},
        {brain.name: cells[brain.name]["is_cell"].to_numpy(bool) for brain in brains},
    )


def _brightness_arm(brains: Sequence[AnnotatedBrain]) -> list[_Arm]:
    """The baseline in a list of its own; no arm where it cannot be had."""
    train = [brain for brain in brains if brain.role == "train"]
    if not train or not all("contrast" in brain.candidates for brain in brains):
        return []
    scores = {brain.name: brain.candidates["contrast"].to_numpy(float) for brain in brains}
    labels = np.concatenate([np.asarray(brain.labels, object) for brain in train])
    decided = labels != AMBIGUOUS
    fitted = np.concatenate([scores[brain.name] for brain in train])[decided]
    threshold = choose_threshold(labels[decided] == CELL, fitted, "f1")
    called = {name: contrast >= threshold for name, contrast in scores.items()}
    return [_Arm(BRIGHTNESS, threshold, scores, called, is_probability=False)]


def _check_brain(brain: AnnotatedBrain) -> None:
    if brain.role not in ORIGIN:
        raise InputError(
            f"brain {brain.name} has the role {brain.role!r}; only train and test are evaluated"
        )
    if len(brain.labels) != len(brain.candidates):
        raise InputError(
            f"brain {brain.name} has {len(brain.candidates)} candidates but "
            f"{len(brain.labels)} labels; label it again"
        )


def _check_cells(arm: str, brain: AnnotatedBrain, cells: pd.DataFrame, threshold: float) -> None:
    """Refuse a table that is not about this brain's candidates or was cut elsewhere."""
    where = f"the classified candidates of arm {arm}, brain {brain.name},"
    if missing := [column for column in (*AXES, "p_cell", "is_cell") if column not in cells]:
        raise InputError(f"{where} lack the columns {', '.join(missing)}")
    if len(cells) != len(brain.candidates) or not np.allclose(
        cells[AXES].to_numpy(float), brain.candidates[AXES].to_numpy(float), atol=1e-3
    ):
        raise InputError(f"{where} are not the brain's candidates in their order; classify again")
    if len(cells) and not pd.api.types.is_bool_dtype(cells["is_cell"]):
        raise InputError(f"{where} have an is_cell other than True or False")
    p_cell = cells["p_cell"].to_numpy(float)
    clear = np.abs(p_cell - threshold) > 1e-6
    if ((p_cell >= threshold) != cells["is_cell"].to_numpy(bool))[clear].any():
        raise InputError(
            f"{where} were cut at another threshold than {threshold:g}; classify again"
        )


def _stack(
    arms: Sequence[_Arm], groups: Sequence[_Group], measure: Callable[[_Arm, _Group], pd.DataFrame]
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


def _classified(seed: int, resamples: int, arm: _Arm, group: _Group) -> pd.DataFrame:
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


def _confused(arm: _Arm, group: _Group) -> pd.DataFrame:
    return pd.DataFrame([confusion(group.labels, group.scores(arm), arm.threshold)])


def _curve(draw: Callable, arm: _Arm, group: _Group) -> pd.DataFrame:
    return draw(group.labels, group.scores(arm))


def _ended(seed: int, resamples: int, arm: _Arm, group: _Group) -> pd.DataFrame:
    outcomes = {
        brain.name: _outcomes(brain, arm.called[brain.name], brain.judged, brain.counted)
        for brain in group.brains
    }
    in_part = any(brain.non_cells is not None for brain in group.brains)
    return outcome_metrics(outcomes, in_part, seed, resamples)


def _detected(groups: Sequence[_Group], seed: int, resamples: int) -> pd.DataFrame:
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


def _compared(
    arms: Sequence[_Arm], groups: Sequence[_Group], seed: int, resamples: int
) -> pd.DataFrame:
    tables = []
    for group in (group for group in groups if group.role == "test"):
        table = compare_arms(
            group.labels,
            {arm.name: group.scores(arm) for arm in arms},
            {arm.name: arm.threshold for arm in arms},
            group.brain_of_candidate,
            group.block_of_candidate,
            seed,
            resamples,
        )
        table.insert(2, "brain", group.name)
        tables.append(table)
    return _joined(tables, ["arm_a", "arm_b", "brain", "metric", "difference", "low", "high"])
