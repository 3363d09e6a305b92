"""Tests of two arms on the same candidates, which take each candidate as independent."""

from collections.abc import Mapping
from itertools import combinations

import numpy as np
import pandas as pd
from scipy.stats import binomtest, norm

from cellsift.evaluation.classification import checked_candidates
from cellsift.evaluation.intervals import placements

FOUND = ["arm_a", "arm_b", "test", "metric", "unit", "units", "difference", "statistic", "p"]
COLUMNS = [*FOUND, "p_holm", "p_joint"]
# A variance of areas below this is rounding.
ROUNDING = 1e-20


def candidate_tests(
    labels: np.ndarray | pd.Series,
    scores: Mapping[str, np.ndarray],
    thresholds: Mapping[str, float],
) -> pd.DataFrame:
    """DeLong's and McNemar's test of each pair of arms.

    Columns arm_a, arm_b, test, metric, unit (candidate), units, difference (arm_a less arm_b),
    statistic, p (two-sided), p_holm, adjusted over all pairs of a test, and p_joint, which only
    `brain_tests` have: nan.

    - delong: of the areas under the ROC curve (`roc_auc`); units: candidates, statistic: z;
    - mcnemar: of accuracy where arms call a cell from their threshold on; units: candidates of
      which one arm alone is right, statistic: those of which it is arm_a; exact.

    Both take candidates as independent. Those of one brain, or of one block, are not: then p is too
    small, and says nothing of further brains. `scores`, `thresholds` and errors as of
    `compare_arms`. p is nan where a test is not defined: DeLong's with fewer than two cells or
    two others, or where the areas differ and none of them has a variance.

    Example:
        >>> cells = np.array([True, True, False, False])
        >>> scores = {"a": np.array([3, 4, 1, 2.0]), "b": np.array([3, 1, 4, 2.0])}
        >>> found = candidate_tests(cells, scores, {"a": 2.5, "b": 2.5})
        >>> found[["test", "difference", "p"]].round(2).values.tolist()
        [['delong', 0.75, 0.03], ['mcnemar', 0.5, 0.5]]
    """
    placed, right, decided = {}, {}, 0
    for arm, score in scores.items():
        _, is_cell, values = checked_candidates(labels, score, False)
        placed[arm] = placements(is_cell, values)
        right[arm] = (values >= thresholds[arm]) == is_cell
        decided = len(is_cell)
    pairs = list(combinations(scores, 2))
    tables = [
        [_delong(placed[a], placed[b], decided) for a, b in pairs],
        [_mcnemar(right[a], right[b]) for a, b in pairs],
    ]
    named = [[(*pair, *row) for pair, row in zip(pairs, rows, strict=True)] for rows in tables]
    tested = [pd.DataFrame(rows, columns=FOUND) for rows in named]
    adjusted = [table.assign(p_holm=holm(table["p"]), p_joint=np.nan) for table in tested]
    return pd.concat(adjusted, ignore_index=True)


def holm(p_values: np.ndarray | pd.Series) -> np.ndarray:
    """Holm's (1979) adjustment of p-values (n,), which keeps the risk of any false one; nan stay.

    Example:
        >>> holm(np.array([0.01, 0.04, 0.03])).round(2).tolist()
        [0.03, 0.06, 0.06]
    """
    p_values = np.asarray(p_values, float)
    adjusted = np.full(len(p_values), np.nan)
    order = np.argsort(p_values, kind="stable")[: np.isfinite(p_values).sum()]
    factors = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(p_values[order] * factors), 1)
    return adjusted


def _delong(
    a: tuple[np.ndarray, np.ndarray], b: tuple[np.ndarray, np.ndarray], candidates: int
) -> tuple:
    above, below = (of_a - of_b for of_a, of_b in zip(a, b, strict=True))
    named = ("delong", "roc_auc", "candidate", candidates)
    if min(len(above), len(below)) < 1:
        return *named, np.nan, np.nan, np.nan
    difference = float(above.mean())
    if min(len(above), len(below)) < 2:
        return *named, difference, np.nan, np.nan
    variance = above.var(ddof=1) / len(above) + below.var(ddof=1) / len(below)
    if variance > ROUNDING:
        z = difference / np.sqrt(variance)
        return *named, difference, float(z), float(2 * norm.sf(abs(z)))
    equal = abs(difference) < np.sqrt(ROUNDING)
    return *named, difference, *((0.0, 1.0) if equal else (np.nan, np.nan))


def _mcnemar(right_a: np.ndarray, right_b: np.ndarray) -> tuple:
    alone, other = int((right_a & ~right_b).sum()), int((right_b & ~right_a).sum())
    apart = alone + other
    p = float(binomtest(alone, apart).pvalue) if apart else 1.0
    difference = (alone - other) / len(right_a) if len(right_a) else np.nan
    return "mcnemar", "accuracy", "candidate", apart, difference, float(alone), p
