"""What comes out at the end against the annotation: detection's misses are counted too."""

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd

from cellsift.evaluation.intervals import UNKNOWN, percentile_interval, wilson, wilson_f1
from cellsift.evaluation.outcomes import FALSE_ALARM, HIT, MISSED, end_to_end_outcomes
from cellsift.evaluation.resampling import (
    BLOCK_UM,
    RESAMPLES,
    blocks_of,
    drawn_units,
    resampled_weights,
)
from cellsift.io.axes import AXES

PARTIAL = "only some cells are annotated, so a cell found elsewhere cannot be called right or wrong"


def end_to_end_metrics(
    cells: pd.DataFrame,
    annotation: pd.DataFrame,
    voxel_size: tuple[float, float, float],
    distance_um: float,
    non_cells: pd.DataFrame | None = None,
    seed: int = 0,
    resamples: int = RESAMPLES,
    block_um: float = BLOCK_UM,
) -> pd.DataFrame:
    """Return a table metric, value, low, high, note: precision, recall and f1 of a whole brain.

    `cells` has the columns z, y, x (voxels) and is_cell; those called cells are matched one to
    one with all cells of `annotation` (z, y, x), within `distance_um`. An annotated cell
    without partner is missed, also where detection never proposed it. A called cell without
    partner is a false positive, also a second one on the same cell. With `non_cells` (any
    number of rows) the annotation is partial and precision and f1 cannot be known: nan, and
    `note` says why. So are shares of nothing: precision without a called cell, recall without
    an annotated one.

    The 95% intervals come from a bootstrap over spatial blocks (cubes of `block_um`), since
    cells that lie together are missed together; with fewer than 20 blocks holding cells, over
    single cells. An interval without width (nothing wrong, or nothing right) is Wilson's.
    """
    outcomes = end_to_end_outcomes(cells, annotation, voxel_size, distance_um)
    return outcome_metrics({"": outcomes}, non_cells is not None, seed, resamples, block_um)


def outcome_metrics(
    outcomes: Mapping[str, pd.DataFrame],
    partial: bool = False,
    seed: int = 0,
    resamples: int = RESAMPLES,
    block_um: float = BLOCK_UM,
) -> pd.DataFrame:
    """Return metric, value, low, high, note over the outcomes of one or several brains.

    With one brain the interval is that of `end_to_end_metrics`. With several the bootstrap
    draws brains first, then blocks within each drawn brain. `partial` says that at least one
    of the brains is annotated in part.
    """
    counts, brains = _unit_counts(outcomes, block_um)
    total = counts.sum(axis=0)
    values = _shares(total)
    clusters = brains if len(outcomes) > 1 else None
    portions = [
        _shares((weights @ counts).T)
        for weights in resampled_weights(len(counts), clusters, resamples, seed)
    ]
    hits, alarms, missed = (int(n) for n in total)
    analytic = {
        "precision": wilson(hits, hits + alarms),
        "recall": wilson(hits, hits + missed),
        "f1": wilson_f1(hits, alarms + missed),
    }
    rows = []
    for metric, share in values.items():
        value = math.nan if partial and metric != "recall" else float(share)
        note = _reason(value, metric, partial)
        low, high = percentile_interval(value, np.concatenate([part[metric] for part in portions]))
        if low == high:
            low, high = analytic[metric]
        rows.append((metric, value, min(low, value), max(high, value), note))
    return pd.DataFrame(rows, columns=["metric", "value", "low", "high", "note"])


def detection_metrics(
    candidates: pd.DataFrame,
    annotation: pd.DataFrame,
    voxel_size: tuple[float, float, float],
    distance_um: float,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> pd.DataFrame:
    """Return metric, value, low, high: what detection proposed, before any classification.

    recall (share of annotated cells that a candidate reaches, one to one within `distance_um`,
    with its interval as in `end_to_end_metrics`), annotated, candidates and candidates_per_cell;
    the counts have no interval (nan).
    """
    called = candidates.assign(is_cell=True)
    outcomes = end_to_end_outcomes(called, annotation, voxel_size, distance_um)
    return candidate_metrics({"": outcomes}, seed, resamples)


def candidate_metrics(
    outcomes: Mapping[str, pd.DataFrame], seed: int = 0, resamples: int = RESAMPLES
) -> pd.DataFrame:
    """`detection_metrics` over the outcomes that calling every candidate has in some brains."""
    metrics = outcome_metrics(outcomes, seed=seed, resamples=resamples).drop(columns="note")
    kinds = pd.concat([table["outcome"] for table in outcomes.values()])
    annotated, candidates = int((kinds != FALSE_ALARM).sum()), int((kinds != MISSED).sum())
    counts = {
        "annotated": annotated,
        "candidates": candidates,
        "candidates_per_cell": candidates / annotated if annotated else math.nan,
    }
    rows = [(metric, value, *UNKNOWN) for metric, value in counts.items()]
    counted = pd.DataFrame(rows, columns=list(metrics.columns))
    return pd.concat([metrics[metrics["metric"] == "recall"], counted], ignore_index=True)


def _reason(value: float, metric: str, partial: bool) -> str:
    """Why a share is not known; empty where it is."""
    if not math.isnan(value):
        return ""
    if partial and metric != "recall":
        return PARTIAL
    nothing = {"precision": "no candidate is called a cell", "recall": "no cell is annotated"}
    return nothing.get(metric, "no cell is annotated and none is called")


def _unit_counts(
    outcomes: Mapping[str, pd.DataFrame], block_um: float
) -> tuple[np.ndarray, np.ndarray]:
    """Hits, false alarms and missed cells per drawn unit (units, 3), and the brain of each unit."""
    table = pd.concat(outcomes.values())
    brain = np.repeat(list(outcomes), [len(part) for part in outcomes.values()])
    unit, brains = drawn_units(len(table), brain, blocks_of(table[AXES].to_numpy(), block_um))
    kinds = [(table["outcome"] == kind).to_numpy() for kind in (HIT, FALSE_ALARM, MISSED)]
    return np.stack([np.bincount(unit, kind, len(brains)) for kind in kinds], axis=1), brains


def _shares(counts: np.ndarray) -> dict[str, np.ndarray]:
    """Precision, recall and F1 of hits, false alarms and missed cells, along the first axis."""
    hits, alarms, missed = np.asarray(counts, float)
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            "precision": hits / (hits + alarms),
            "recall": hits / (hits + missed),
            "f1": 2 * hits / (2 * hits + alarms + missed),
        }
