"""From out-of-fold scores to a probability and to the threshold above which it means a cell."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar

from cellsift.calibration.decision import cell_probability
from cellsift.errors import InputError
from cellsift.io.names import CELL, NO_CELL
from cellsift.labels.reached import GET_BOTH_LABELS

# Temperatures outside this range are not credible: the scores then carry next to no information
# about the labels (high), or far more than was learnt (low).
TEMPERATURES = (0.01, 100.0)

COLUMNS = ("brain", "candidate", "label", "logit")

Criterion = str | Mapping[str, float]


def calibrate(scores: pd.DataFrame, criterion: Criterion = "f1") -> dict:
    """Return the temperature and threshold that out-of-fold scores of train brains call for.

    `scores` has the columns brain, candidate, label (cell, no_cell or ambiguous) and logit (of
    cell against no cell); only rows labelled cell or no_cell are used. The temperature divides
    the logit so that sigmoid(logit / temperature) is the likeliest probability (Guo et al.
    2017), with Platt's (1999) smoothed targets, which keep it finite for classes perfectly
    apart. The threshold holds for that probability, rounded to 6 digits: a candidate is a cell
    where p_cell >= threshold. `criterion` is "f1" (the highest F1) or {"recall": share} (the
    fewest candidates taken while at least that share of the cells is found).

    The result is ready for JSON: temperature, threshold, criterion, n, cells, no_cells,
    and what was reached out of fold: precision, recall, f1 and the mean negative log
    likelihood before and after. Raises InputError on scores that cannot be calibrated.
    """
    rows = _usable_rows(scores)
    is_cell = (rows["label"] == CELL).to_numpy()
    logits = rows["logit"].to_numpy(float)
    temperature = fit_temperature(is_cell, logits)
    p_cell = cell_probability(logits, temperature)
    threshold = choose_threshold(is_cell, p_cell, criterion)
    taken = p_cell >= threshold
    hits = int((taken & is_cell).sum())
    return {
        "temperature": temperature,
        "threshold": threshold,
        "criterion": criterion if isinstance(criterion, str) else dict(criterion),
        "n": len(rows),
        "cells": int(is_cell.sum()),
        "no_cells": int((~is_cell).sum()),
        "precision": hits / int(taken.sum()),
        "recall": hits / int(is_cell.sum()),
        "f1": 2 * hits / int(taken.sum() + is_cell.sum()),
        "negative_log_likelihood_before": _negative_log_likelihood(is_cell, logits),
        "negative_log_likelihood_after": _negative_log_likelihood(is_cell, logits / temperature),
    }


def fit_temperature(is_cell: np.ndarray, logits: np.ndarray) -> float:
    """The temperature (0.01 to 100) with the highest likelihood; 1 where all logits are zero."""
    is_cell, logits = np.asarray(is_cell, bool), np.asarray(logits, float)
    if not np.any(logits):
        return 1.0
    cells, others = int(is_cell.sum()), int((~is_cell).sum())
    targets = np.where(is_cell, (cells + 1) / (cells + 2), 1 / (others + 2))
    best = minimize_scalar(
        lambda log_t: _negative_log_likelihood(targets, logits / np.exp(log_t)),
        bounds=np.log(TEMPERATURES),
        method="bounded",
        options={"xatol": 1e-6},
    )
    return float(np.exp(best.x))


def choose_threshold(is_cell: np.ndarray, scores: np.ndarray, criterion: Criterion = "f1") -> float:
    """The threshold on any score (higher means rather a cell) that meets the criterion best.

    It lies midway between the lowest score that counts as a cell and the next lower one, or on
    the lowest score where all count. Among cuts of equal F1 the one with the higher recall
    wins, since a candidate rejected in vain is lost. Raises InputError where a class is absent
    or the criterion is not known.
    """
    is_cell, scores = np.asarray(is_cell, bool), np.asarray(scores, float)
    _require_both_classes(is_cell)
    if not np.isfinite(scores).all():
        raise InputError(f"{int((~np.isfinite(scores)).sum())} scores are not finite numbers")
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    ends = np.flatnonzero(np.append(np.diff(ordered) < 0, True))
    hits = np.cumsum(is_cell[order])[ends]
    cut = ends[_best_cut(hits, ends + 1, int(is_cell.sum()), criterion)]
    lowest = float(ordered[cut])
    if cut == len(ordered) - 1:
        return lowest
    middle = float((lowest + ordered[cut + 1]) / 2)
    return middle if middle > ordered[cut + 1] else lowest


def _best_cut(hits: np.ndarray, taken: np.ndarray, cells: int, criterion: Criterion) -> int:
    if criterion == "f1":
        f1 = 2 * hits / (taken + cells)
        return int(np.flatnonzero(f1 >= f1.max() - 1e-12)[-1])
    if isinstance(criterion, Mapping) and set(criterion) == {"recall"}:
        wanted = criterion["recall"]
        if isinstance(wanted, (int, float)) and 0 < wanted <= 1:
            return int(np.flatnonzero(hits >= wanted * cells - 1e-9)[0])
    raise InputError(
        f"the criterion for the threshold is {criterion!r}; "
        'use "f1", or {"recall": share} with a share above 0 and at most 1'
    )


def _negative_log_likelihood(targets: np.ndarray, logits: np.ndarray) -> float:
    """Mean of -log p, for targets between 0 (no cell) and 1 (cell)."""
    targets = np.asarray(targets, float)
    losses = targets * np.logaddexp(0, -logits) + (1 - targets) * np.logaddexp(0, logits)
    return float(losses.mean())


def _usable_rows(scores: pd.DataFrame) -> pd.DataFrame:
    missing = [column for column in COLUMNS if column not in scores]
    if missing:
        raise InputError(f"the out-of-fold scores lack the columns {', '.join(missing)}")
    rows = scores[scores["label"].isin([CELL, NO_CELL])]
    _require_both_classes((rows["label"] == CELL).to_numpy())
    wrong = rows[~np.isfinite(rows["logit"].to_numpy(float))]
    if len(wrong):
        raise InputError(
            f"{len(wrong)} out-of-fold scores are not finite, the first of them for candidate "
            f"{wrong['candidate'].iloc[0]} of brain {wrong['brain'].iloc[0]}: "
            "the training diverged; lower its learning rate and train again"
        )
    twice = rows[rows.duplicated(["brain", "candidate"])]
    if len(twice):
        raise InputError(
            f"candidate {twice['candidate'].iloc[0]} of brain {twice['brain'].iloc[0]} has more "
            "than one out-of-fold score; every candidate belongs to one fold only"
        )
    # In a set order, so that the sums behind the temperature do not depend on how rows came.
    return rows.sort_values(["brain", "candidate"])


def _require_both_classes(is_cell: np.ndarray) -> None:
    cells = int(np.sum(is_cell))
    if cells == 0 or cells == len(is_cell):
        raise InputError(
            f"the train brains have {cells} candidates labelled cell and "
            f"{len(is_cell) - cells} labelled no_cell; a threshold needs both: {GET_BOTH_LABELS}"
        )
