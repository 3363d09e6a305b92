"""How far annotators agree: the F1 of each beside each other, with an interval.

It is the most that can be expected of a classifier beside one of them. The F-measure of two lists
measures agreement without a count of what neither has marked, which kappa needs (Hripcsak and
Rothschild 2005, doi 10.1197/jamia.M1733).
"""

import math
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from cellsift.annotation.marks import Marks
from cellsift.annotation.names import BETWEEN_NAMES
from cellsift.evaluation.intervals import percentile_interval, wilson_f1
from cellsift.evaluation.outcomes import FALSE_ALARM, HIT, MISSED
from cellsift.evaluation.resampling import RESAMPLES, blocks_of, drawn_units, resampled_weights
from cellsift.io.axes import AXES
from cellsift.labels.matching import match

KINDS = (HIT, FALSE_ALARM, MISSED)
COLUMNS = ["first", "second", "outcome", *AXES]


def pair_outcomes(
    marks: Sequence[Marks], voxel_size: Sequence[float], distance_um: float
) -> pd.DataFrame:
    """What became of each cell of each two annotators: first, second, outcome, z, y, x in µm.

    They are matched one to one within the distance. `outcome` is hit (both have marked it),
    false_alarm (the first alone) or missed (the second alone). Only planes count of which both have
    marked all cells: elsewhere, who left a cell out did not say that there is none.
    """
    size = np.asarray(voxel_size, dtype=float)
    tables = [pd.DataFrame(columns=COLUMNS)]
    for one, other in combinations(marks, 2):
        first, second = (mark.cells[AXES].to_numpy(dtype=float) for mark in (one, other))
        pairs = match(first * size, second * size, (1.0, 1.0, 1.0), distance_um)
        both = [_both(one, other, points) for points in (first, second)]
        shared = both[0][pairs[:, 0]] | both[1][pairs[:, 1]]
        alone = [
            points[seen & ~np.isin(np.arange(len(points)), matched)]
            for points, seen, matched in zip((first, second), both, pairs.T, strict=True)
        ]
        middle = (first[pairs[:, 0]] + second[pairs[:, 1]]) / 2
        for outcome, points in zip(KINDS, (middle[shared], *alone), strict=True):
            table = pd.DataFrame(points * size, columns=AXES)
            tables.append(
                table.assign(first=one.annotator, second=other.annotator, outcome=outcome)
            )
    filled = [table[COLUMNS] for table in tables if len(table)]
    return pd.concat(filled, ignore_index=True) if filled else tables[0]


def _both(one: Marks, other: Marks, points: np.ndarray) -> np.ndarray:
    return one.complete_at(points[:, 0]) & other.complete_at(points[:, 0])


def mean_f1(outcomes: pd.DataFrame) -> float:
    """The F1 of each two annotators, the mean of all pairs; nan where none has marked a cell.

    Example:
        >>> mean_f1(pd.DataFrame({"first": "a", "second": "b", "outcome": ["hit", "missed"]}))
        0.6666666666666666
    """
    if outcomes.empty:
        return math.nan
    return float(_mean_of_pairs(_counts(outcomes)[0].sum(axis=0)))


def agreement(
    outcomes: Mapping[str, pd.DataFrame], seed: int = 0, resamples: int = RESAMPLES
) -> dict[str, Any] | None:
    """How far the annotators of one or several brains agree; None where that cannot be told.

    `outcomes` are those of `pair_outcomes` by brain. Returns f1 (the mean of all pairs), low and
    high (its 95% interval), annotators, pairs, and the cells `marked` by any two together, counted
    once a pair. The interval is a bootstrap over blocks of tissue as in `evaluation.end_to_end`,
    brains first where there are several; one without width is Wilson's.
    """
    known = {brain: table for brain, table in outcomes.items() if len(table)}
    if not known:
        return None
    table = pd.concat(known.values(), ignore_index=True)
    brain = np.repeat(list(known), [len(part) for part in known.values()])
    counts, brains, pairs = _counts(table, brain)
    total = counts.sum(axis=0)
    value = float(_mean_of_pairs(total))
    clusters = brains if len(known) > 1 else None
    flat = counts.reshape(len(counts), -1)
    draws = [
        _mean_of_pairs((weights @ flat).reshape(-1, *counts.shape[1:]))
        for weights in resampled_weights(len(counts), clusters, resamples, seed)
    ]
    low, high = percentile_interval(value, np.concatenate(draws))
    if low == high:
        hits, *errors = total.sum(axis=0) / len(pairs)
        low, high = wilson_f1(round(hits), round(sum(errors)))
    names = sorted({name for pair in pairs for name in pair})
    return {
        "f1": value,
        "low": min(float(low), value),
        "high": max(float(high), value),
        "annotators": names,
        "pairs": len(pairs),
        "marked": int(total.sum()),
    }


def agreement_table(outcomes: Mapping[str, pd.DataFrame], roles: Mapping[str, str]) -> pd.DataFrame:
    """The agreement in each brain, and in all of a role: brain, role, metric, value, low, high.

    `outcomes` are those of `pair_outcomes` by brain, `roles` the roles of the same brains; those of
    one annotator have no row. A last column names the annotators.
    """
    groups = [(brain, role, [brain]) for brain, role in roles.items()]
    for role in dict.fromkeys(roles.values()):
        members = [brain for brain, own in roles.items() if own == role]
        if len(members) > 1:
            groups.append((f"all {role} brains", role, members))
    rows = []
    for name, role, members in groups:
        found = agreement({brain: outcomes[brain] for brain in members})
        if found is not None:
            interval = (found["f1"], found["low"], found["high"])
            rows.append((name, role, "f1", *interval, BETWEEN_NAMES.join(found["annotators"])))
    columns = ["brain", "role", "metric", "value", "low", "high", "annotators"]
    return pd.DataFrame(rows, columns=columns)


def _counts(
    table: pd.DataFrame, brain: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, list[tuple[str, str]]]:
    """Counts (units, pairs, kinds) of what a bootstrap draws, the brain of each unit, the pairs.

    Without brains all is one unit.
    """
    named = list(zip(table["first"], table["second"], strict=True))
    pairs = sorted(set(named))
    if brain is None:
        unit, brains = np.zeros(len(table), dtype=int), np.zeros(1)
    else:
        unit, brains = drawn_units(len(table), brain, blocks_of(table[AXES].to_numpy(float)))
    counts = np.zeros((len(brains), len(pairs), len(KINDS)))
    of_pair = np.array([pairs.index(pair) for pair in named], dtype=int)
    of_kind = np.array([KINDS.index(kind) for kind in table["outcome"]], dtype=int)
    np.add.at(counts, (unit, of_pair, of_kind), 1)
    return counts, brains, pairs


def _mean_of_pairs(counts: np.ndarray) -> np.ndarray:
    """The mean F1 of the pairs of counts (..., pairs, kinds); nan where no pair has a cell."""
    hits, alarms, missed = np.moveaxis(np.asarray(counts, dtype=float), -1, 0)
    whole = 2 * hits + alarms + missed
    known = whole > 0
    f1 = np.divide(2 * hits, whole, out=np.zeros_like(whole), where=known)
    number = known.sum(axis=-1)
    return np.where(number > 0, f1.sum(axis=-1) / np.maximum(number, 1), np.nan)
