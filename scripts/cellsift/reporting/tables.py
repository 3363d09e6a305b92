"""Tables of the pages: tidy tables turned into what a person reads."""

import math
from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from cellsift.io.names import LABELS

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
    "threads": "threads",
    "parameters": "parameters",
    "gflop_per_cuboid": "GFLOP per cuboid",
    "cuboids_per_second": "cuboids per second",
    "peak_memory_gb": "peak memory, GB",
    "training_seconds_per_epoch": "seconds per epoch",
    "training_epochs": "epochs, all folds",
    "training_minutes": "training, minutes",
}
COUNTS = ("threads", "parameters", "training_epochs")


def interval_text(value: float, low: float = math.nan, high: float = math.nan) -> str:
    """A value with its 95% interval as text, such as 0.91 [0.88, 0.94]; a dash for nan."""
    if value is None or math.isnan(value):
        return "–"
    if math.isnan(low) or math.isnan(high):
        return f"{value:.2f}"
    return f"{value:.2f} [{low:.2f}, {high:.2f}]"


def recall_of(detection: pd.DataFrame, brain: str) -> float | None:
    """The recall of detection in a brain, of the table `detection`; None where it is not known."""
    rows = detection[(detection["brain"] == brain) & (detection["metric"] == "recall")]["value"]
    return None if rows.empty or pd.isna(rows.iloc[0]) else float(rows.iloc[0])


def metric_table(tidy: pd.DataFrame, metrics: Iterable[str]) -> pd.DataFrame:
    """One row per brain and arm, one column per metric, each as value and 95% interval.

    `tidy` has the columns arm, brain, role, scores, metric, value, low, high; its order of brains
    is kept, and that of arms within each. Metrics that the table lacks are left out.
    """
    metrics = [metric for metric in metrics if metric in set(tidy["metric"])]
    rows = []
    brains = {brain: number for number, brain in enumerate(dict.fromkeys(tidy["brain"]))}
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


def comparison_table(differences: pd.DataFrame) -> pd.DataFrame:
    """A row for each two arms, with the difference in each metric and its 95% interval.

    `differences` has the columns arm_a, arm_b, metric, difference, low, high, of one brain.
    """
    rows = []
    for (first, second), part in differences.groupby(["arm_a", "arm_b"], sort=False):
        row = {"first arm": first, "second arm": second}
        for found in part.itertuples(index=False):
            name = f"difference in {METRIC_NAMES.get(found.metric, found.metric)}"
            row[name] = difference_text(found.difference, found.low, found.high)
        rows.append(row)
    return pd.DataFrame(rows)


def difference_text(value: float, low: float, high: float) -> str:
    """A difference with its sign and its 95% interval as text; a dash for nan.

    Example: difference_text(0.02, 0.003, 0.03) gives +0.020 [+0.003, +0.030].
    """
    if any(map(math.isnan, (value, low, high))):
        return "–"
    decimals = difference_decimals(low, high)
    # Adding 0 turns a negative zero into a plain one.
    signed = [f"{round(number, decimals) + 0:+.{decimals}f}" for number in (value, low, high)]
    return "{} [{}, {}]".format(*signed).replace("-", "\N{MINUS SIGN}")


def difference_decimals(low: float, high: float) -> int:
    """How many decimals a difference is told with: three where two would make a bound zero.

    By its bounds a reader sees whether zero lies between them.
    """
    hidden = any(bound and not round(bound, 2) for bound in (low, high))
    return 3 if hidden else 2


def count_text(value: float) -> str:
    """A count with thin spaces between thousands; a dash for nan."""
    return "–" if pd.isna(value) else f"{int(value):,}".replace(",", "\u202f")


def lengths_text(micrometres: Iterable[float]) -> str:
    """The sides of a volume in one unit, mm where the longest has one, µm below.

    Example:
        >>> lengths_text([30, 49.28, 70.4]), lengths_text([180, 8_000, 10_500])
        ('30 × 49 × 70 µm', '0.18 × 8.00 × 10.50 mm')
    """
    sides = list(micrometres)
    if max(sides) >= 1000:
        return f"{' × '.join(f'{side / 1000:.2f}' for side in sides)} mm"
    return f"{' × '.join(f'{side:.0f}' if side >= 10 else f'{side:.2g}' for side in sides)} µm"


def number_text(count: int, name: str) -> str:
    """How many things of a name there are, such as 1 candidate or 70 candidates."""
    return f"{count_text(count)} {name}{'' if count == 1 else 's'}"


def arm_table(
    arms: Mapping[str, Mapping],
    shared: Mapping,
    ensembles: Mapping[str, Mapping] | None = None,
    finished: Mapping[str, Mapping] | None = None,
) -> pd.DataFrame:
    """What each arm is: description, network with its options, and where its recipe is its own.

    `arms` gives architecture, options, recipe and description by name, `shared` the recipe that
    the config sets for all arms, `ensembles` the model.json of those arms that are made of others,
    `finished` that of those that are finished models.
    """
    ensembles, finished, rows = ensembles or {}, finished or {}, []
    for name, arm in arms.items():
        own = {key: value for key, value in arm["recipe"].items() if value != shared.get(key)}
        network = network_text(arm)
        training = settings_text(own) or "as for all"
        if arm.get("search"):
            training += f"; {', '.join(arm['search']['space'])} searched, see below"
        if name in ensembles:
            network, training = ensemble_text(ensembles[name]), "none of its own"
        if name in finished:
            network, training = network_text(finished[name]), finished_text(finished[name])
        rows.append((name, arm["description"] or "–", network, training))
    return pd.DataFrame(rows, columns=["arm", "description", "network", "training"])


def network_text(arm: Mapping) -> str:
    """An architecture with its options, in words."""
    return ", ".join(filter(None, [arm["architecture"], settings_text(arm["options"])]))


def finished_text(model: Mapping) -> str:
    """Where a finished model is from, what it has learnt from, and how it decides, in words.

    Example:
        >>> finished_text({"threshold": 0.5, "folds": ["fold-0.json"], "finished": {
        ...     "model": "resnet50.h5", "learnt_from": [], "calibrated": False}})
        'none here: a finished model, resnet50.h5, of 1 network; learnt from brains that it does \
not name; threshold 0.5, p_cell not calibrated'
    """
    made = model["finished"]
    brains = ", ".join(made["learnt_from"])
    learnt = f"learnt from {brains}" if brains else "learnt from brains that it does not name"
    calibrated = "p_cell calibrated by these" if made["calibrated"] else "p_cell not calibrated"
    return (
        f"none here: a finished model, {made['model']}, of "
        f"{number_text(len(model['folds']), 'network')}; {learnt}; threshold "
        f"{model['threshold']:.3g}, {calibrated}"
    )


def ensemble_text(model: Mapping) -> str:
    """An ensemble's method, and its members with their weights, in words."""
    members = [f"{name} × {signed_text(weight)}" for name, weight in model["members"].items()]
    if model["intercept"]:
        members.append(signed_text(model["intercept"]))
    return f"ensemble, {model['method']}: {' + '.join(members)}"


def signed_text(value: float) -> str:
    """A number with two decimals, and with a minus sign where it is negative."""
    return f"{round(value, 2) + 0:.2f}".replace("-", "\N{MINUS SIGN}")


def settings_text(settings: Mapping) -> str:
    """Settings in words, such as depth 18, operations [flip, blur]; empty where there are none."""
    return ", ".join(f"{name} {_setting_text(value)}" for name, value in settings.items())


def _setting_text(value: object) -> str:
    if isinstance(value, Mapping):
        return f"({settings_text(value)})"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_setting_text, value))}]"
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    return f"{value:g}" if isinstance(value, float) else str(value)


def cost_table(cost: pd.DataFrame) -> pd.DataFrame:
    """The costs of arms in readable units; what was not measured is left out.

    `cost` has a column arm and any of those that `inference.cost.measure_cost` and
    `inference.ensemble_cost` return.
    """
    known = cost.reindex(columns=[*cost, *set(COST_COLUMNS) - set(cost)])
    # Only networks are counted: 0 means not known.
    known["gflop_per_cuboid"] = cost.get("flops_per_cuboid", np.nan) / 1e9
    known["gflop_per_cuboid"] = known["gflop_per_cuboid"].replace(0, np.nan)
    known["peak_memory_gb"] = cost.get("peak_memory_mb", np.nan) / 1e3
    seconds = known["training_seconds_per_epoch"].astype(float) * known["training_epochs"]
    in_total = cost.get("training_seconds", pd.Series(np.nan, cost.index)).astype(float)
    known["training_minutes"] = in_total.fillna(seconds.astype(float)) / 60
    shown = pd.DataFrame({"arm": cost["arm"]})
    for column, name in COST_COLUMNS.items():
        if known[column].notna().any():
            decimals = 0 if column in COUNTS else _decimals(known[column])
            shown[name] = [_cost_text(value, decimals) for value in known[column]]
    return shown


def _decimals(values: pd.Series) -> int:
    """How many decimals all numbers of a column have: three digits of the largest, or more.

    None is shown as 0 that is not.
    """
    numbers = pd.to_numeric(values, errors="coerce")
    numbers = numbers[numbers > 0]
    if numbers.empty:
        return 0
    first, last = (math.floor(math.log10(number)) for number in (numbers.max(), numbers.min()))
    return max(2 - first, -last, 0)


def _cost_text(value: str | float, decimals: int) -> str:
    if isinstance(value, str):
        return value
    return "–" if pd.isna(value) else f"{value:,.{decimals}f}".replace(",", "\u202f")


def fold_table(folds: pd.DataFrame) -> pd.DataFrame:
    """How many cells and other candidates of each brain each fold holds."""
    counts = folds.groupby(["fold", "brain", "label"], sort=True).size().unstack(fill_value=0)
    counts = counts.reindex(columns=list(LABELS), fill_value=0).reset_index()
    for label in LABELS:
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
