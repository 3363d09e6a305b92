"""Which of two arms is better on the same candidates, and by how much."""

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from cellsift.evaluation.classification import checked_candidates, units_of
from cellsift.evaluation.confidence import CONFIDENCE
from cellsift.evaluation.intervals import percentile_interval
from cellsift.evaluation.ranking import Ranking
from cellsift.evaluation.resampling import RESAMPLES, resampled_weights

COMPARED = ("f1", "average_precision", "roc_auc")
COLUMNS = [
    *("arm_a", "arm_b", "metric", "difference", "low", "high"),
    *("low_joint", "high_joint"),
]
# Resamples that differ by less do not differ.
ROUNDING = 1e-12


def compare_arms(
    labels: np.ndarray | pd.Series,
    scores: Mapping[str, np.ndarray],
    thresholds: Mapping[str, float],
    groups: np.ndarray | pd.Series | None = None,
    blocks: np.ndarray | None = None,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> pd.DataFrame:
    """Return each pair of arms with its differences, and intervals of these.

    Columns: arm_a, arm_b, metric, difference, low, high, low_joint, high_joint.

    `scores` gives each arm's score of the same candidates, labelled cell, no_cell or ambiguous
    (left out); `thresholds` the score from which the arm calls a cell. The difference is that
    of arm_a less arm_b in f1, average_precision and roc_auc. Its 95% interval is a paired bootstrap
    over brains and blocks as in `classification_metrics`: both arms are measured on the same
    resamples, so that what is hard for both cancels out. An interval that excludes 0 speaks for one
    arm; among many pairs of equals one in twenty does so by chance. low_joint and high_joint hold
    all pairs' differences in a metric at once in 95 of 100 cases: as many standard deviations of
    the resamples as none of the pairs exceeds, and never narrower than low and high. Where a metric
    is not defined its difference is nan. Raises InputError as `classification_metrics`.

    Example:
        compare_arms(labels, {"a": a, "b": b}, {"a": 0.5, "b": 0.5}).query("low_joint > 0")
    """
    rankings, values, brains = {}, {}, np.zeros(0)
    for arm, score in scores.items():
        kept, is_cell, decided = checked_candidates(labels, score, False)
        unit, brains = units_of(kept, groups, blocks)
        values[arm] = Ranking(is_cell, decided, thresholds[arm]).statistics()
        rankings[arm] = Ranking(is_cell, decided, thresholds[arm], unit)
    portions = [
        {arm: ranking.statistics(weights) for arm, ranking in rankings.items()}
        for weights in resampled_weights(len(brains), brains, resamples, seed)
    ]
    pairs, tables = list(combinations(scores, 2)), []
    if not pairs:
        return pd.DataFrame(columns=COLUMNS)
    for metric in COMPARED:
        apart = np.array([float(values[a][metric][0] - values[b][metric][0]) for a, b in pairs])
        of_arm = {arm: np.concatenate([part[arm][metric] for part in portions]) for arm in scores}
        replicates = np.array([of_arm[a] - of_arm[b] for a, b in pairs])
        tables.append(_intervals(pairs, metric, apart, replicates))
    table = pd.concat(tables, ignore_index=True)
    # All metrics of a pair, then those of the next.
    return table.iloc[
        np.argsort(np.tile(np.arange(len(pairs)), len(COMPARED)), kind="stable")
    ].reset_index(drop=True)


def _intervals(
    pairs: Sequence[tuple[str, str]], metric: str, apart: np.ndarray, replicates: np.ndarray
) -> pd.DataFrame:
    """One metric of all pairs: differences (pairs,), and those of resamples (pairs, resamples)."""
    bounds = [percentile_interval(*of_pair) for of_pair in zip(apart, replicates, strict=True)]
    low, high = np.array(bounds).reshape(-1, 2).T
    reach = _joint_reach(replicates)
    table = pd.DataFrame(pairs, columns=["arm_a", "arm_b"])
    return table.assign(
        metric=metric,
        difference=apart,
        low=low,
        high=high,
        low_joint=np.minimum(low, apart - reach),
        high_joint=np.maximum(high, apart + reach),
    )


def _joint_reach(replicates: np.ndarray) -> np.ndarray:
    """How far (pairs,) resamples (pairs, resamples) stray, so that 95% stray so in no pair."""
    known = np.isfinite(replicates)
    count = np.maximum(known.sum(axis=1, keepdims=True), 1)
    mean = np.where(known, replicates, 0).sum(axis=1, keepdims=True) / count
    strayed = np.where(known, replicates - mean, 0)
    spread = np.sqrt((strayed**2).sum(axis=1, keepdims=True) / count)
    largest = np.abs(strayed / np.where(spread > ROUNDING, spread, np.inf)).max(axis=0)
    return np.quantile(largest, CONFIDENCE) * spread[:, 0]
