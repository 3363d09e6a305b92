"""What an arm reaches at thresholds chosen on train brains: highest F1, and a wished recall."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from cellsift.calibration.calibrate import Criterion, choose_threshold
from cellsift.evaluation.classification import checked_candidates, classification_metrics
from cellsift.evaluation.evaluated import FITTED, Arm, Group
from cellsift.evaluation.ranking import RECALL_WANTED
from cellsift.evaluation.resampling import RESAMPLES

SHOWN = ("precision", "recall", "f1")
HIGHEST_F1 = "highest f1"


def operating_points(
    arm: Arm,
    groups: list[Group],
    criterion: Criterion = "f1",
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> pd.DataFrame:
    """Return precision, recall and F1 of an arm at each of its operating points, on each group.

    Columns: arm, brain, role, scores, point, in_use, threshold, metric, value, low, high. The
    points are "highest f1" and "recall 0.99", or the recall of the `criterion`. The point that the
    criterion names is `in_use`: the threshold is the arm's own. That of the other is what it would
    be, chosen like it on the scores of all train brains; without both kinds of candidate there, it
    has no rows. Test brains take no part. Values and intervals are those of
    `classification_metrics`, so recall is that of the cells among the candidates.

    Example:
        operating_points(arm, groups).query("role == 'test' and metric == 'recall'")
    """
    thresholds = {_name(criterion): arm.threshold}
    train = [group for group in groups if group.role == "train"]
    for other in ("f1", {"recall": RECALL_WANTED}):
        if train and _kind(other) != _kind(criterion):
            chosen = _chosen(arm, train[-1], other)
            thresholds |= {} if chosen is None else {_name(other): chosen}
    tables = [
        _at(arm, group, threshold, seed, resamples).assign(point=point, threshold=threshold)
        for group in groups
        for point, threshold in thresholds.items()
    ]
    if not tables:
        return pd.DataFrame(columns=_COLUMNS)
    table = pd.concat(tables, ignore_index=True)
    table["in_use"] = table["point"] == _name(criterion)
    table.loc[(table["role"] == "train") & arm.is_finished & ~table["in_use"], "scores"] = FITTED
    return table[_COLUMNS]


_COLUMNS = [
    *("arm", "brain", "role", "scores", "point", "in_use", "threshold"),
    *("metric", "value", "low", "high"),
]


def _at(arm: Arm, group: Group, threshold: float, seed: int, resamples: int) -> pd.DataFrame:
    # Only whether a candidate is taken counts here, which spares sorting the scores.
    found = classification_metrics(
        group.labels,
        (group.scores(arm) >= threshold).astype(float),
        1.0,
        groups=group.brain_of_candidate,
        blocks=group.block_of_candidate,
        seed=seed,
        resamples=resamples,
    )
    named = {"arm": arm.name, "brain": group.name, "role": group.role}
    return found[found["metric"].isin(SHOWN)].assign(**named, scores=arm.origin(group.role))


def _chosen(arm: Arm, train: Group, criterion: Criterion) -> float | None:
    _, is_cell, scores = checked_candidates(train.labels, train.scores(arm), False)
    if is_cell.all() or not is_cell.any():
        return None
    return choose_threshold(np.asarray(is_cell), scores, criterion)


def _kind(criterion: Criterion) -> str:
    return "recall" if isinstance(criterion, Mapping) else criterion


def _name(criterion: Criterion) -> str:
    return f"recall {criterion['recall']:g}" if isinstance(criterion, Mapping) else HIGHEST_F1
