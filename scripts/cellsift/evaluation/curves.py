"""Curves of a classifier, thinned to what a picture can show."""

import math

import numpy as np
import pandas as pd
from sklearn.metrics import precision_recall_curve, roc_curve

from cellsift.evaluation.classification import checked_candidates
from cellsift.evaluation.intervals import wilson

POINTS = 500


def roc_points(
    labels: np.ndarray | pd.Series, scores: np.ndarray | pd.Series, points: int = POINTS
) -> pd.DataFrame:
    """The ROC curve: false_positive_rate, recall, threshold, from (0, 0) to (1, 1).

    At most `points` rows, spread evenly along the curve's length. The first point takes no
    candidate and has no threshold (nan). Without rows where one class is absent. `labels` are
    cell, no_cell or ambiguous (left out), or booleans.
    """
    columns = ["false_positive_rate", "recall", "threshold"]
    _, is_cell, scores = checked_candidates(labels, scores, is_probability=False)
    if is_cell.all() or not is_cell.any():
        return pd.DataFrame(columns=columns, dtype=float)
    curve = np.stack(roc_curve(is_cell, scores), axis=1)
    curve[0, 2] = math.nan
    return pd.DataFrame(_thinned(curve, points), columns=columns)


def precision_recall_points(
    labels: np.ndarray | pd.Series, scores: np.ndarray | pd.Series, points: int = POINTS
) -> pd.DataFrame:
    """The precision-recall curve: recall, precision, threshold, by falling threshold.

    At most `points` rows, spread evenly along the curve's length; it starts with recall 0 and
    precision 1 by convention, without a threshold (nan). Without rows where one class is absent.
    """
    columns = ["recall", "precision", "threshold"]
    _, is_cell, scores = checked_candidates(labels, scores, is_probability=False)
    if is_cell.all() or not is_cell.any():
        return pd.DataFrame(columns=columns, dtype=float)
    precision, recall, threshold = precision_recall_curve(is_cell, scores)
    curve = np.stack([recall, precision, np.append(threshold, math.nan)], axis=1)[::-1]
    # Once all cells are found, lower thresholds only add artefacts: keep the first such point.
    curve = curve[: int((curve[:, 0] >= 1).argmax()) + 1]
    return pd.DataFrame(_thinned(curve, points), columns=columns)


def reliability(
    labels: np.ndarray | pd.Series, p_cell: np.ndarray | pd.Series, bins: int = 10
) -> pd.DataFrame:
    """How often candidates given a probability are cells, in `bins` equal steps of p_cell.

    Columns: p_low, p_high (the step), candidates, p_cell (their mean), cell_share (0..1) with
    Wilson's 95% interval low, high, for independent candidates. Steps without candidates have no
    row.
    """
    _, is_cell, p_cell = checked_candidates(labels, p_cell, is_probability=True)
    step = np.minimum((p_cell * bins).astype(int), bins - 1)
    rows = []
    for index in np.unique(step):
        inside = step == index
        cells, count = int(is_cell[inside].sum()), int(inside.sum())
        edges = (index / bins, (index + 1) / bins)
        mean = float(p_cell[inside].mean())
        rows.append((*edges, count, mean, cells / count, *wilson(cells, count)))
    columns = ["p_low", "p_high", "candidates", "p_cell", "cell_share", "low", "high"]
    return pd.DataFrame(rows, columns=columns)


def _thinned(curve: np.ndarray, points: int) -> np.ndarray:
    """At most `points` rows of a curve (x and y first), evenly along its length, ends kept."""
    if len(curve) <= points:
        return curve
    length = np.concatenate([[0], np.cumsum(np.abs(np.diff(curve[:, :2], axis=0)).sum(axis=1))])
    wanted = np.linspace(0, length[-1], points)
    nearest = np.searchsorted(length, wanted).clip(0, len(curve) - 1)
    nearest[[0, -1]] = 0, len(curve) - 1
    return curve[np.unique(nearest)]
