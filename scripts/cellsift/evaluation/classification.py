"""How well scores tell cells from other candidates: metrics of one arm, with 95% intervals.

All metrics are computed from weighted rows, so that one pass serves the value itself (all
weights 1) and many bootstrap resamples (weights say how often a row was drawn).
"""

import math

import numpy as np
import pandas as pd

from cellsift.errors import InputError
from cellsift.evaluation.calibration import AMBIGUOUS, CELL, NO_CELL
from cellsift.evaluation.intervals import (
    RESAMPLES,
    UNKNOWN,
    delong,
    false_positive_rate_bounds,
    percentile_interval,
    resampled_weights,
    wilson,
    wilson_f1,
)

RECALL_WANTED = 0.99
RATE = f"false_positive_rate_at_recall_{RECALL_WANTED}"
METRICS = (
    "precision",
    "recall",
    "specificity",
    "f1",
    "accuracy",
    "roc_auc",
    "average_precision",
    RATE,
    "brier",
)

WITHOUT_RESAMPLING = {"precision", "recall", "specificity", "accuracy", "roc_auc", RATE}


def classification_metrics(
    labels: np.ndarray | pd.Series,
    p_cell: np.ndarray | pd.Series,
    threshold: float,
    groups: np.ndarray | pd.Series | None = None,
    seed: int = 0,
    resamples: int = RESAMPLES,
    is_probability: bool = True,
) -> pd.DataFrame:
    """Return a table metric, value, low, high: each metric of one classifier and its interval.

    `labels` are cell, no_cell or ambiguous (left out), or booleans (True: cell); a candidate
    counts as a cell where p_cell >= threshold. Without `groups`, or with a single one, candidates
    are taken as independent: Wilson's interval for precision, recall, specificity and accuracy,
    DeLong's for roc_auc, one from order statistics for the false-positive rate at recall 0.99,
    and the percentiles of a bootstrap over candidates for f1, average_precision and brier. With
    two or more `groups` (the brain of each candidate) the intervals come from a two-stage
    bootstrap, brains first, then candidates within each drawn brain (that of the
    false-positive rate is never narrower than for independent candidates); with fewer than about
    six brains they tell little about further brains. Where no resample differs, because
    nothing is wrong or nothing right, the interval is that for independent candidates, Wilson's
    for f1 and average_precision (Boyd et al. 2013).

    `is_probability=False` is for other scores: brier is nan. Whatever has no meaning is nan with
    low and high nan: precision without a predicted cell, recall without a cell, specificity
    without an artefact, f1 without either a cell or a predicted cell, metrics of ranking
    where a class is absent, everything for no candidates. Raises InputError on scores that are
    not finite or of another length than the labels.
    """
    is_cell, scores, groups = checked_candidates(labels, p_cell, groups, is_probability)
    clustered = groups is not None and len(np.unique(groups)) > 1
    ranking = Ranking(is_cell, scores, threshold)
    everything = np.ones((1, len(scores)), np.int32)
    values = {name: float(v[0]) for name, v in ranking.statistics(everything).items()}
    clusters = groups if clustered else None
    portions = [
        ranking.statistics(weights)
        for weights in resampled_weights(len(scores), clusters, resamples, seed)
    ]
    analytic = _analytic_intervals(is_cell, scores, threshold, values)
    if not is_probability:
        values["brier"] = math.nan
    rows = []
    for metric in METRICS:
        replicates = np.concatenate([portion[metric] for portion in portions])
        low, high = _interval(metric, values[metric], replicates, analytic, clustered)
        rows.append((metric, values[metric], low, high))
    return pd.DataFrame(rows, columns=["metric", "value", "low", "high"])


def confusion(
    labels: np.ndarray | pd.Series, p_cell: np.ndarray | pd.Series, threshold: float
) -> dict[str, int]:
    """Count true_positive, false_positive, false_negative, true_negative and ambiguous.

    Candidates labelled ambiguous are in the last count only.
    """
    is_cell, scores, _ = checked_candidates(labels, p_cell, None, is_probability=False)
    taken = scores >= threshold
    return {
        "true_positive": int((taken & is_cell).sum()),
        "false_positive": int((taken & ~is_cell).sum()),
        "false_negative": int((~taken & is_cell).sum()),
        "true_negative": int((~taken & ~is_cell).sum()),
        "ambiguous": len(labels) - len(is_cell),
    }


class Ranking:
    """Labels in the order of a score, from which weighted metrics are read off.

    Equal scores are one step of the ranking, so ties cannot flatter a classifier.
    """

    def __init__(self, is_cell: np.ndarray, scores: np.ndarray, threshold: float):
        self.order = np.argsort(-scores, kind="stable")
        ordered = scores[self.order]
        self.is_cell = is_cell[self.order]
        self.steps = np.flatnonzero(np.append(np.diff(ordered) < 0, len(ordered) > 0))
        self.taken = int((ordered[self.steps] >= threshold).sum()) if len(ordered) else 0
        self.squared_errors = (ordered - self.is_cell) ** 2

    def statistics(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        """Every metric of METRICS for weighted candidates: weights (k, n) to k values each."""
        weights = weights[:, self.order]
        hits = np.cumsum(weights * self.is_cell, axis=1)[:, self.steps]
        alarms = np.cumsum(weights * ~self.is_cell, axis=1)[:, self.steps]
        before = np.zeros((len(weights), 1), hits.dtype)
        hits, alarms = np.hstack([before, hits]), np.hstack([before, alarms])
        cells, others = hits[:, -1], alarms[:, -1]
        hit, alarm = hits[:, self.taken], alarms[:, self.taken]
        with np.errstate(divide="ignore", invalid="ignore"):
            return {
                "precision": hit / (hit + alarm),
                "recall": hit / cells,
                "specificity": (others - alarm) / others,
                "f1": 2 * hit / (hit + alarm + cells),
                "accuracy": (hit + others - alarm) / (cells + others),
                "roc_auc": _area(hits, alarms),
                "average_precision": _average_precision(hits, alarms),
                RATE: _false_positive_rate(hits, alarms),
                "brier": weights @ self.squared_errors / (cells + others),
            }


def _area(hits: np.ndarray, alarms: np.ndarray) -> np.ndarray:
    widths, heights = np.diff(alarms, axis=1), (hits[:, 1:] + hits[:, :-1]) / 2
    # Divided one after the other, since the product of two counts could overflow.
    return (widths * heights).sum(axis=1) / hits[:, -1] / alarms[:, -1]


def _average_precision(hits: np.ndarray, alarms: np.ndarray) -> np.ndarray:
    precision = hits[:, 1:] / np.maximum(hits[:, 1:] + alarms[:, 1:], 1)
    average = (np.diff(hits, axis=1) * precision).sum(axis=1) / hits[:, -1]
    # With artefacts absent every ranking is perfect, which says nothing.
    return np.where(alarms[:, -1] > 0, average, math.nan)


def _false_positive_rate(hits: np.ndarray, alarms: np.ndarray) -> np.ndarray:
    """The smallest share of artefacts taken at any threshold that finds 99% of the cells."""
    reached = hits >= RECALL_WANTED * hits[:, -1:] - 1e-9
    first = reached.argmax(axis=1)
    rate = alarms[np.arange(len(alarms)), first] / alarms[:, -1]
    return np.where(hits[:, -1] > 0, rate, math.nan)


def _interval(
    metric: str,
    value: float,
    replicates: np.ndarray,
    analytic: dict[str, tuple[float, float]],
    clustered: bool,
) -> tuple[float, float]:
    """The interval of one metric: from resamples, or the one that needs none, as it has to be."""
    low, high = percentile_interval(value, replicates)
    if metric in WITHOUT_RESAMPLING and not clustered or low == high:
        low, high = analytic.get(metric, (low, high))
    elif metric == RATE:
        low, high = min(low, analytic[metric][0]), max(high, analytic[metric][1])
    # Rounding may leave a bound a hair on the wrong side of the value.
    return min(low, value), max(high, value)


def _analytic_intervals(
    is_cell: np.ndarray, scores: np.ndarray, threshold: float, values: dict[str, float]
) -> dict[str, tuple[float, float]]:
    """Intervals that need no resampling, for independent candidates; brier has none."""
    taken = scores >= threshold
    right = taken == is_cell
    cells = int(is_cell.sum())
    shares = {
        "precision": ((taken & is_cell).sum(), taken.sum()),
        "recall": ((taken & is_cell).sum(), cells),
        "specificity": ((right & ~is_cell).sum(), (~is_cell).sum()),
        "accuracy": (right.sum(), len(right)),
        "average_precision": (_count(values["average_precision"], cells), cells),
    }
    intervals = {metric: wilson(*share) for metric, share in shares.items()}
    intervals["roc_auc"] = delong(is_cell, scores)[1:]
    intervals[RATE] = false_positive_rate_bounds(is_cell, scores, RECALL_WANTED)
    intervals["f1"] = wilson_f1((taken & is_cell).sum(), (~right).sum())
    unknown = {metric: UNKNOWN for metric, value in values.items() if math.isnan(value)}
    return intervals | unknown


def _count(share: float, trials: int) -> int:
    return 0 if math.isnan(share) else round(share * trials)


def checked_candidates(
    labels: np.ndarray | pd.Series,
    scores: np.ndarray | pd.Series,
    groups: np.ndarray | pd.Series | None,
    is_probability: bool,
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Whether each is a cell, its score and its group, as arrays without ambiguous candidates.

    Raises InputError on unequal lengths, unknown labels and scores that are not finite or, if
    they are to be probabilities, not within 0..1.
    """
    scores = np.asarray(scores, float)
    if len(labels) != len(scores) or (groups is not None and len(groups) != len(scores)):
        raise InputError(
            f"there are {len(scores)} scores but {len(labels)} labels"
            + ("" if groups is None else f" and {len(groups)} groups")
            + "; one of each is needed per candidate"
        )
    kept, is_cell = _decided(labels)
    scores = scores[kept]
    if not np.isfinite(scores).all():
        raise InputError(f"{int((~np.isfinite(scores)).sum())} scores are not finite numbers")
    if is_probability and len(scores) and (scores.min() < 0 or scores.max() > 1):
        raise InputError(
            f"p_cell reaches from {scores.min():g} to {scores.max():g}; a probability lies in 0..1"
        )
    return is_cell, scores, None if groups is None else np.asarray(groups)[kept]


def _decided(labels: np.ndarray | pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Which labels are not ambiguous (n booleans), and of those which are cells (booleans)."""
    labels = pd.Series(labels)
    if pd.api.types.is_bool_dtype(labels):
        return np.ones(len(labels), bool), labels.to_numpy(bool)
    unknown = labels[~labels.isin([CELL, NO_CELL, AMBIGUOUS])]
    if len(unknown):
        raise InputError(
            f"a candidate is labelled {unknown.iloc[0]!r}; labels are cell, no_cell or ambiguous"
        )
    kept = (labels != AMBIGUOUS).to_numpy(bool)
    return kept, (labels[kept] == CELL).to_numpy(bool)
