"""What is evaluated: annotated brains, and arms by their scores of the brains' candidates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from cellsift.calibration.calibrate import choose_threshold
from cellsift.errors import InputError
from cellsift.evaluation.resampling import blocks_of
from cellsift.io.axes import AXES, Shape
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
    where that is so of all. counted: the same of each annotated cell. shape: z, y, x of the volume
    in voxels; None where it is not known.
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
    shape: Shape | None = None


@dataclass(frozen=True)
class Arm:
    """One arm's scores and verdicts, by brain."""

    name: str
    threshold: float
    scores: Mapping[str, np.ndarray]
    called: Mapping[str, np.ndarray]
    is_probability: bool = True
    is_finished: bool = False

    def origin(self, role: str) -> str:
        """What its scores of the brains of a role may be trusted for."""
        if self.is_finished and role == "train":
            return AS_IT_IS
        return ORIGIN[role] if self.is_probability or role != "train" else FITTED


@dataclass(frozen=True)
class Group:
    """One brain, or all brains of a role, measured together."""

    name: str
    role: str
    brains: Sequence[AnnotatedBrain]

    @cached_property
    def labels(self) -> np.ndarray:
        return np.concatenate([np.asarray(brain.labels, object) for brain in self.brains])

    @cached_property
    def brain_of_candidate(self) -> np.ndarray:
        names = [brain.name for brain in self.brains]
        return np.repeat(names, [len(brain.labels) for brain in self.brains])

    @cached_property
    def block_of_candidate(self) -> np.ndarray:
        return np.concatenate(
            [blocks_of(brain.candidates[AXES] * brain.voxel_size) for brain in self.brains]
        )

    def scores(self, arm: Arm) -> np.ndarray:
        """The arm's scores of all candidates of the group, in the order of `labels`."""
        return np.concatenate([arm.scores[brain.name] for brain in self.brains])


def groups_of(brains: Sequence[AnnotatedBrain]) -> list[Group]:
    """Each brain alone, and all of a role where there are several."""
    groups = []
    for role in ORIGIN:
        members = [brain for brain in brains if brain.role == role]
        groups += [Group(brain.name, role, [brain]) for brain in members]
        if len(members) > 1:
            groups.append(Group(f"all {role} brains", role, members))
    return groups


def model_arm(
    name: str,
    brains: Sequence[AnnotatedBrain],
    cells: Mapping[str, pd.DataFrame],
    thresholds: Mapping[str, float],
) -> Arm:
    """An arm by its classified candidates; InputError where they do not fit the brains."""
    if name not in thresholds:
        raise InputError(f"arm {name} has no threshold; calibrate it first")
    for brain in brains:
        _check_brain(brain)
        if brain.name not in cells:
            raise InputError(f"arm {name} has not classified brain {brain.name}")
        _check_cells(name, brain, cells[brain.name], thresholds[name])
    return Arm(
        name,
        thresholds[name],
        {brain.name: cells[brain.name]["p_cell"].to_numpy(float) for brain in brains},
        {brain.name: cells[brain.name]["is_cell"].to_numpy(bool) for brain in brains},
    )


def brightness_arm(brains: Sequence[AnnotatedBrain]) -> list[Arm]:
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
    return [Arm(BRIGHTNESS, threshold, scores, called, is_probability=False)]


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
