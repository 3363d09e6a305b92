"""Tables of the pages: tidy tables turned into what a person reads."""

import math
from collections.abc import Iterable

import pandas as pd

METRIC_NAMES = {
    "precision": "precision",
    "recall": "recall",
    "specificity": "specificity",
    "f1": "F1",
    "accuracy": "accuracy",
    "roc_auc": "ROC AUC",
    "average_precision": "average precision",
    "false_positive_rate_at_recall_0.99": "false positives at recall 0.99",
    "brier": "Brier score",
}

COST_COLUMNS = {
    "device": "device",
    "parameters": "parameters",
    "gflop_per_cuboid": "GFLOP per cuboid",
    "cuboids_per_second": "cuboids per second",
    "epochs": "epochs trained",
    "seconds_per_epoch": "seconds per epoch",
    "training_seconds": "training, minutes",
    "peak_memory_mb": "peak memory, GB",
}


def interval_text(value: float, low: float = math.nan, high: float = math.nan) -> str:
    """A value with its 95% interval as text, such as 0.91 [0.88, 0.94]; a dash for nan."""
    if value is None or math.isnan(value):
        return "–"
    if math.isnan(low) or math.isnan(high):
        return f"{value:.2f}"
    return f"{value:.2f} [{low:.2f}, {high:.2f}]"


def metric_table(tidy: pd.DataFrame, metrics: Iterable[str]) -> pd.DataFrame:
    """One row per brain and arm, one column per metric, each as value and 95% interval.

    `tidy` has the columns arm, brain, role, scores, metric, value, low, high; its order of brains
    is kept, and that of arms within each. Metrics that the table lacks are left out.
    """
    metrics = [metric for metric in metrics if metric in set(tidy["metric"])]
    rows = []
    brains = {brain: place for place, brain in enumerate(dict.fromkeys(tidy["brain"]))}
    tidy = tidy.sort_values("brain", key=lambda names: names.map(brains), kind="stable")
    for (brain, role, arm), part in tidy.groupby(["brain", "role", "arm"], sort=False):
        by_metric = part.set_index("metric")[["value", "low", "high"]]
        row = {"brain": brain, "scores": f"{role}, {part['scores'].iloc[0]}", "arm": arm}
        for metric in metrics:
            known = metric in by_metric.index
            row[METRIC_NAMES.get(metric, metric)] = (
                interval_text(*by_metric.loc[metric].astype(float)) if known else "–"
            )
        rows.append(row)
    names = [METRIC_NAMES.get(metric, metric) for metric in metrics]
    return pd.DataFrame(rows, columns=["brain", "scores", "arm", *names])


def count_text(value: float) -> str:
    """A count with thin spaces between thousands; a dash for nan."""
    return "–" if pd.isna(value) else f"{int(value):,}".replace(",", "\u202f")


def cost_table(cost: pd.DataFrame) -> pd.DataFrame:
    """The table of costs with readable units; columns that were not measured are left out."""
    cost = cost.copy()
    if "flops_per_cuboid" in cost:
        cost["gflop_per_cuboid"] = cost["flops_per_cuboid"] / 1e9
    if "peak_memory_mb" in cost:
        cost["peak_memory_mb"] = cost["peak_memory_mb"] / 1024
    if "training_seconds" in cost:
        cost["training_seconds"] = cost["training_seconds"] / 60
    shown = pd.DataFrame({"arm": cost["arm"]})
    for column, name in COST_COLUMNS.items():
        if column in cost and cost[column].notna().any():
            shown[name] = [_cost_text(column, value) for value in cost[column]]
    return shown


def _cost_text(column: str, value: object) -> str:
    if isinstance(value, str):
        return value
    if pd.isna(value):
        return "–"
    if column in ("parameters", "epochs"):
        return count_text(value)
    return f"{value:.3g}" if value < 100 else count_text(round(value))


def fold_table(folds: pd.DataFrame) -> pd.DataFrame:
    """How many cells and other candidates of each brain each fold holds."""
    counts = folds.groupby(["fold", "brain", "label"], sort=True).size().unstack(fill_value=0)
    counts = counts.reindex(columns=["cell", "no_cell", "ambiguous"], fill_value=0).reset_index()
    for label in ("cell", "no_cell", "ambiguous"):
        counts[label] = counts[label].map(count_text)
    return counts.rename(
        columns={"cell": "cells", "no_cell": "artefacts", "ambiguous": "ambiguous (not used)"}
    )


def folds_sentence(folds: pd.DataFrame) -> str:
    """How the training candidates were divided, in words."""
    number = folds["fold"].nunique()
    brains = folds["brain"].nunique()
    whole = (folds.groupby("brain")["fold"].nunique() == 1).all()
    if whole and brains > 1:
        kept = "All candidates of a brain are in one fold, so each score comes from networks that "
        kept += "have seen other brains only."
    else:
        kept = "Folds are blocks of tissue, and candidates whose cuboid overlaps one of the fold "
        kept += "that is left out were not trained on. Folds share brains, so these scores say "
        kept += "little about how well a network does on another animal."
    return (
        f"{number} folds from {brains} train {'brain' if brains == 1 else 'brains'} take turns at "
        f"being left out of training. {kept}"
    )
