"""Which of two arms is better on the same candidates, and by how much."""

from collections.abc import Iterable, Mapping
from itertools import combinations

import numpy as np
import pandas as pd

from cellsift.evaluation.classification import checked_candidates, units_of
from cellsift.evaluation.intervals import percentile_interval
from cellsift.evaluation.ranking import Ranking
from cellsift.evaluation.resampling import RESAMPLES, resampled_weights

COMPARED = ("f1", "average_precision")


def compare_arms(
    labels: np.ndarray | pd.Series,
    scores: Mapping[str, np.ndarray],
    thresholds: Mapping[str, float],
    groups: np.ndarray | pd.Series | None = None,
    blocks: np.ndarray | None = None,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> pd.DataFrame:
    """Return arm_a, arm_b, metric, difference, low, high for each pair of arms.

    `scores` gives each arm's score of the same candidates, labelled cell, no_cell or ambiguous
    (left out); `thresholds` the score from which the arm calls a cell. The difference is that
    of arm_a less arm_b in f1 and average_precision. Its 95% interval is a paired bootstrap over
    brains and blocks as in `classification_metrics`: both arms are measured on the same resamples,
    so that what is hard for both cancels out. An interval that excludes 0 speaks for one arm;
    among many pairs of equals one in twenty does so by chance. Where a metric is not defined its
    difference is nan. Raises InputError as `classification_metrics`.
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
    rows = []
    for (arm_a, arm_b), metric in _pairs(scores):
        value = float((values[arm_a][metric] - values[arm_b][metric])[0])
        replicates = [portion[arm_a][metric] - portion[arm_b][metric] for portion in portions]
        interval = percentile_interval(value, np.concatenate(replicates))
        rows.append((arm_a, arm_b, metric, value, *interval))
    return pd.DataFrame(rows, columns=["arm_a", "arm_b", "metric", "difference", "low", "high"])


def _pairs(arms: Iterable[str]) -> list[tuple[tuple[str, str], str]]:
    return [(pair, metric) for pair in combinations(arms, 2) for metric in COMPARED]
