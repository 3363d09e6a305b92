"""What an arm reaches at thresholds chosen on train brains: highest F1, and a wished recall."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter

import numpy as np
import pandas as pd

from cellsift.calibration.calibrate import Criterion, choose_threshold
from cellsift.evaluation.classification import checked_candidates, metrics_of_calls
from cellsift.evaluation.evaluated import FITTED, Arm, Group
from cellsift.evaluation.ranking import RECALL_WANTED
from cellsift.evaluation.resampling import RESAMPLES

HIGHEST_F1 = "highest f1"


COLUMNS = [
    *("arm", "brain", "role", "scores", "point", "in_use", "threshold"),
    *("metric", "value", "low", "high"),
]


@dataclass(frozen=True)
class Point:
    """A threshold of an arm, and whether it is the one in use."""

    arm: Arm
    name: str
    threshold: float
    in_use: bool

    def trusted(self, role: str) -> str:
        """What its figures on the brains of a role may be trusted for."""
        fitted = role == "train" and self.arm.is_finished and not self.in_use
        return FITTED if fitted else self.arm.origin(role)


def operating_points(
    arms: Sequence[Arm],
    groups: Sequence[Group],
    criteria: Mapping[str, Criterion],
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> pd.DataFrame:
    """Return precision, recall and F1 of arms at each of their operating points, on each group.

    Columns: arm, brain, role, scores, point, in_use, threshold, metric, value, low, high. The
    points are "highest f1" and "recall 0.99", or the recall of the arm's criterion (`criteria`;
    f1 where it is not named). The point that the criterion names is `in_use`: the threshold is the
    arm's own. That of the other is what it would be, chosen like it on the scores of all train
    brains; without both kinds of candidate there, it has no rows. Test brains take no part. Values
    and intervals are those of `classification_metrics`, so recall is that of the cells among the
    candidates.

    Example:
        operating_points(arms, groups, {}).query("role == 'test' and metric == 'recall'")
    """
    points = [point for arm in arms for point in _points(arm, groups, criteria.get(arm.name, "f1"))]
    tables: list[tuple[int, pd.DataFrame]] = []
    for group in groups:
        found = metrics_of_calls(
            group.labels,
            [group.scores(point.arm) >= point.threshold for point in points],
            group.brain_of_candidate,
            group.block_of_candidate,
            seed,
            resamples,
        )
        for point, table in zip(points, found, strict=True):
            named = {"arm": point.arm.name, "brain": group.name, "role": group.role}
            named |= {"scores": point.trusted(group.role), "point": point.name}
            table = table.assign(**named, in_use=point.in_use, threshold=point.threshold)
            tables.append((arms.index(point.arm), table[COLUMNS]))
    if not tables:
        return pd.DataFrame(columns=COLUMNS)
    # All groups of an arm, then those of the next.
    return pd.concat([table for _, table in sorted(tables, key=itemgetter(0))], ignore_index=True)


def _points(arm: Arm, groups: Sequence[Group], criterion: Criterion) -> list[Point]:
    points = [Point(arm, _name(criterion), arm.threshold, in_use=True)]
    train = [group for group in groups if group.role == "train"]
    for other in ("f1", {"recall": RECALL_WANTED}):
        if train and _kind(other) != _kind(criterion):
            chosen = _chosen(arm, train[-1], other)
            points += [] if chosen is None else [Point(arm, _name(other), chosen, in_use=False)]
    return points


def _chosen(arm: Arm, train: Group, criterion: Criterion) -> float | None:
    _, is_cell, scores = checked_candidates(train.labels, train.scores(arm), False)
    if is_cell.all() or not is_cell.any():
        return None
    return choose_threshold(np.asarray(is_cell), scores, criterion)


def _kind(criterion: Criterion) -> str:
    return "recall" if isinstance(criterion, Mapping) else criterion


def _name(criterion: Criterion) -> str:
    return f"recall {criterion['recall']:g}" if isinstance(criterion, Mapping) else HIGHEST_F1
