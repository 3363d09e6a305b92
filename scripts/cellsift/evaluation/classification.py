"""How well scores tell cells from other candidates: metrics of one arm, with 95% intervals."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from cellsift.errors import InputError
from cellsift.evaluation.intervals import (
    UNKNOWN,
    delong,
    false_positive_rate_bounds,
    percentile_interval,
    wilson,
    wilson_f1,
)
from cellsift.evaluation.ranking import METRICS, RATE, RECALL_WANTED, Ranking
from cellsift.evaluation.resampling import RESAMPLES, drawn_units, resampled_weights
from cellsift.io.names import AMBIGUOUS, CELL, LABELS

# Those with a formula for the interval of independent candidates.
CLOSED_FORM = {"precision", "recall", "specificity", "accuracy", "roc_auc", RATE}


def classification_metrics(
    labels: np.ndarray | pd.Series,
    p_cell: np.ndarray | pd.Series,
    threshold: float,
    groups: np.ndarray | pd.Series | None = None,
    blocks: np.ndarray | None = None,
    seed: int = 0,
    resamples: int = RESAMPLES,
    is_probability: bool = True,
) -> pd.DataFrame:
    """Return a table metric, value, low, high: each metric of one classifier and its interval.

    `labels` are cell, no_cell or ambiguous (left out), or booleans (True: cell); a candidate
    counts as a cell where p_cell >= threshold. `groups` gives the brain of each candidate, `blocks`
    the piece of tissue it lies in (`resampling.blocks_of`).

    Candidates that lie together err together, so the intervals are percentiles of a bootstrap over
    blocks (over candidates in a brain with fewer than 20 blocks). With two or more brains it draws
    brains first, then blocks within each drawn brain; with fewer than about six brains the
    intervals tell little about further brains.

    In a single brain with too few blocks, or without `blocks`, candidates are taken as independent:
    Wilson's interval for precision, recall, specificity and accuracy, DeLong's for roc_auc, one
    from order statistics for the false-positive rate at recall 0.99, and a bootstrap over
    candidates for f1, average_precision and brier. No bootstrap is believed to be surer than these
    formulas: percentiles are too narrow near 0 and 1, and know nothing of cells worse than the
    worst seen. Where no resample differs, because nothing is wrong or nothing right, the interval
    is that for independent candidates, Wilson's for f1 and average_precision (Boyd et al. 2013).

    `is_probability=False` is for other scores: brier is nan. Whatever has no meaning is nan with
    low and high nan: precision without a predicted cell, recall without a cell, specificity
    without an artefact, f1 without either a cell or a predicted cell, metrics of ranking
    where a class is absent, everything for no candidates. Raises InputError on scores that are
    not finite or of another length than the labels.
    """
    kept, is_cell, scores = checked_candidates(labels, p_cell, is_probability)
    unit, brains = units_of(kept, groups, blocks)
    independent = len(brains) == len(unit) and len(np.unique(brains)) < 2
    exact = Ranking(is_cell, scores, threshold).statistics()
    values = {name: float(value[0]) for name, value in exact.items()}
    ranking = Ranking(is_cell, scores, threshold, unit)
    portions = [
        ranking.statistics(weights)
        for weights in resampled_weights(len(brains), brains, resamples, seed)
    ]
    analytic = _analytic_intervals(is_cell, scores, threshold, values)
    if not is_probability:
        values["brier"] = math.nan
    rows = []
    for metric in METRICS:
        replicates = np.concatenate([portion[metric] for portion in portions])
        low, high = _interval(metric, values[metric], replicates, analytic, independent)
        rows.append((metric, values[metric], low, high))
    return pd.DataFrame(rows, columns=["metric", "value", "low", "high"])


def metrics_of_calls(
    labels: np.ndarray | pd.Series,
    called: Sequence[np.ndarray],
    groups: np.ndarray | pd.Series | None = None,
    blocks: np.ndarray | None = None,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> list[pd.DataFrame]:
    """Precision, recall and F1 of each of some ways to call cells, (candidates,) booleans each.

    The rows of `classification_metrics` at the threshold that calls these cells, to the last few
    bits, with the same arguments and errors; the resamples are drawn once for all.

    Example:
        first, second = metrics_of_calls(labels, [p_cell >= 0.5, p_cell >= 0.9])
    """
    kept, is_cell, _ = checked_candidates(labels, np.zeros(len(labels)), False)
    unit, brains = units_of(kept, groups, blocks)
    independent = len(brains) == len(unit) and len(np.unique(brains)) < 2
    taken = [np.asarray(calls)[kept] for calls in called]
    kinds = [of & is_it for is_it in (is_cell, ~is_cell) for of in taken] + [is_cell]
    by_unit = np.stack([np.bincount(unit, kind, len(brains)) for kind in kinds], axis=1)
    portions = [
        weights @ by_unit for weights in resampled_weights(len(brains), brains, resamples, seed)
    ]
    exact, drawn = _at_threshold(by_unit.sum(axis=0)[None]), _at_threshold(np.concatenate(portions))
    tables = []
    for place, of in enumerate(taken):
        values = {metric: float(found[0, place]) for metric, found in exact.items()}
        analytic = _at_threshold_intervals(is_cell, of, values)
        rows = [
            (
                metric,
                value,
                *_interval(metric, value, drawn[metric][:, place], analytic, independent),
            )
            for metric, value in values.items()
        ]
        tables.append(pd.DataFrame(rows, columns=["metric", "value", "low", "high"]))
    return tables


def _at_threshold(counts: np.ndarray) -> dict[str, np.ndarray]:
    """Metrics (k, ways) of hits and false alarms by way to call, and of cells: (k, 2 ways + 1)."""
    hits, alarms = np.split(counts[:, :-1], 2, axis=1)
    cells = counts[:, -1:]
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            "precision": hits / (hits + alarms),
            "recall": hits / cells,
            "f1": 2 * hits / (hits + alarms + cells),
        }


def confusion(
    labels: np.ndarray | pd.Series, p_cell: np.ndarray | pd.Series, threshold: float
) -> dict[str, int]:
    """Count true_positive, false_positive, false_negative, true_negative and ambiguous.

    Candidates labelled ambiguous are in the last count only.
    """
    _, is_cell, scores = checked_candidates(labels, p_cell, is_probability=False)
    taken = scores >= threshold
    return {
        "true_positive": int((taken & is_cell).sum()),
        "false_positive": int((taken & ~is_cell).sum()),
        "false_negative": int((~taken & is_cell).sum()),
        "true_negative": int((~taken & ~is_cell).sum()),
        "ambiguous": len(labels) - len(is_cell),
    }


def _interval(
    metric: str,
    value: float,
    replicates: np.ndarray,
    analytic: dict[str, tuple[float, float]],
    independent: bool,
) -> tuple[float, float]:
    """The interval of one metric: from resamples, or the one that needs none, as it has to be."""
    low, high = percentile_interval(value, replicates)
    if not low < high or (independent and metric in CLOSED_FORM):
        low, high = analytic.get(metric, (low, high))
    elif metric in CLOSED_FORM:
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
        "specificity": ((right & ~is_cell).sum(), (~is_cell).sum()),
        "accuracy": (right.sum(), len(right)),
        "average_precision": (_count(values["average_precision"], cells), cells),
    }
    intervals = {metric: wilson(*share) for metric, share in shares.items()}
    intervals["roc_auc"] = delong(is_cell, scores)[1:]
    intervals[RATE] = false_positive_rate_bounds(is_cell, scores, RECALL_WANTED)
    return _known(intervals, values) | _at_threshold_intervals(is_cell, taken, values)


def _at_threshold_intervals(
    is_cell: np.ndarray, taken: np.ndarray, values: dict[str, float]
) -> dict[str, tuple[float, float]]:
    """Those of precision, recall and F1 where some candidates are taken for cells."""
    hits = (taken & is_cell).sum()
    intervals = {
        "precision": wilson(hits, taken.sum()),
        "recall": wilson(hits, is_cell.sum()),
        "f1": wilson_f1(hits, (taken != is_cell).sum()),
    }
    return _known(intervals, values)


def _known(
    intervals: dict[str, tuple[float, float]], values: dict[str, float]
) -> dict[str, tuple[float, float]]:
    return {m: UNKNOWN if math.isnan(values[m]) else found for m, found in intervals.items()}


def _count(share: float, trials: int) -> int:
    return 0 if math.isnan(share) else round(share * trials)


def checked_candidates(
    labels: np.ndarray | pd.Series, scores: np.ndarray | pd.Series, is_probability: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Which candidates are not ambiguous, and of those whether each is a cell, and its score.

    Raises InputError on unequal lengths, unknown labels and scores that are not finite or, if
    they are to be probabilities, not within 0..1.
    """
    scores = np.asarray(scores, float)
    if len(labels) != len(scores):
        raise InputError(
            f"there are {len(scores)} scores but {len(labels)} labels; one of each is needed per "
            "candidate"
        )
    kept, is_cell = _decided(labels)
    scores = scores[kept]
    if not np.isfinite(scores).all():
        raise InputError(f"{int((~np.isfinite(scores)).sum())} scores are not finite numbers")
    if is_probability and len(scores) and (scores.min() < 0 or scores.max() > 1):
        raise InputError(
            f"p_cell reaches from {scores.min():g} to {scores.max():g}; a probability lies in 0..1"
        )
    return kept, is_cell, scores


def units_of(
    kept: np.ndarray, groups: np.ndarray | pd.Series | None, blocks: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """`resampling.drawn_units` for those candidates that are not ambiguous.

    Raises InputError unless there is a group and a block for each candidate, where any are given.
    """
    given = {"groups": groups, "blocks": blocks}
    for name, values in given.items():
        if values is not None and len(values) != len(kept):
            raise InputError(
                f"there are {len(kept)} scores but {len(values)} {name}; one of each is needed per "
                "candidate"
            )
    groups, blocks = (None if v is None else np.asarray(v)[kept] for v in given.values())
    return drawn_units(int(kept.sum()), groups, blocks)


def _decided(labels: np.ndarray | pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Which labels are not ambiguous (n booleans), and of those which are cells (booleans)."""
    labels = pd.Series(labels)
    if pd.api.types.is_bool_dtype(labels):
        return np.ones(len(labels), bool), labels.to_numpy(bool)
    unknown = labels[~labels.isin(LABELS)]
    if len(unknown):
        raise InputError(
            f"a candidate is labelled {unknown.iloc[0]!r}; labels are cell, no_cell or ambiguous"
        )
    kept = (labels != AMBIGUOUS).to_numpy(bool)
    return kept, (labels[kept] == CELL).to_numpy(bool)
