"""The page on how often intervals of counts hold the true number, in Markdown."""

import numpy as np
import pandas as pd

from cellsift.benchmarks.coverage.brains import (
    BLOCKS,
    BLOCKS_OF_REGION,
    KINDS,
    TRAIN_CANDIDATES,
    WITH_REGIONS,
)
from cellsift.calibration.between_places import SPREAD

INTRODUCTION = f"""\
# Do the intervals of counts hold the true number?

Made by `make coverage` (`python -m cellsift.benchmarks.coverage`).

Each repetition draws train brains ({TRAIN_CANDIDATES:,} scored candidates each, with their truth) \
and one further brain of the same kind, whose prevalence, scale of scores and recall of detection \
differ from theirs. Candidates of the further brain, and {BLOCKS} blocks that it is divided into, \
are drawn as `snakemake suggest` draws them and answered by the truth; then its cells are counted. \
Only scores and truth are made up here, no images; the spreads that the simulation draws from are \
not told to the count, which has its own (calibration/between_brains.py, \
calibration/score_posterior.py, evaluation/counts/recall.py). These were chosen with a look at \
such simulations and at [carry_over.md](carry_over.md).
"""

REGIONS = f"""\
Brains of which the density of cells differs between {BLOCKS // BLOCKS_OF_REGION} regions by \
{WITH_REGIONS[0].regions:g} log odds, which the scores know nothing of: how often the 95% interval \
of a region, and that of the whole brain, holds its true number of cells, those missed included, \
and in brackets its median width as a share of the truth. Beside them the same if the count is not \
told that places of a brain differ in what a score means. Labels and blocks are drawn in the \
whole brain. In brains without regions, as those above are, a count that reckons with them is too \
careful where marked blocks alone tell of the brain.

By how much places of a brain differ is assumed: by {SPREAD:g} log odds, unless places of the \
train brains differ by more. In the three annotated c-Fos volumes (`config/examples/cfos`, \
hand-made features in three folds, all three to train, 2026-12-01) eight parts of a volume \
differ, beyond chance, by 0.51 (695), 0.21 (1147) and 2.5 (1008, of which the lower half in depth \
has next to no annotated cells).
"""


def describe(table: pd.DataFrame, machine: str, figure: str) -> str:
    """Return the page on the rows of `trials` of all kinds; `figure` is the picture's name."""
    scored = _scored(table)
    parts = [
        INTRODUCTION,
        f"{machine}\n",
        f"![How often the interval holds the number, and how wide it is]({figure})\n",
        "## All cells of the brain\n",
        "How often the 95% interval holds the true number of all cells, those that detection "
        "missed included, and in brackets its median width as a share of the truth.\n",
        _table(_coverage(scored[scored["way"] == "cellsift"])),
        _naive(scored),
        "## Cells that have a candidate, with as many labels and no block\n",
        "Width is that of the interval over that of Wilson's interval of a plain random sample of "
        'as many candidates ("sample alone"), the median of the repetitions. PPI++ is the '
        "prediction-powered estimate of the same plain sample, with its normal interval.\n",
        _table(_among(scored)),
        "## Cells of regions\n",
        REGIONS,
        _table(_by_region(scored)),
        "## The kinds of brain\n",
        _table(_kinds()),
    ]
    return "\n".join(parts)


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """By kind, way, labels and blocks: repetitions, share of intervals that hold the truth, their
    median width and the median error of the count, both as shares of the truth."""
    groups = _scored(table).groupby(["kind", "way", "labels", "blocks"], sort=False)
    return groups.agg(
        repetitions=("held", "size"),
        held=("held", "mean"),
        width=("width", "median"),
        error=("error", "median"),
    ).reset_index()


def _scored(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(
        held=(table["low"] <= table["truth"]) & (table["truth"] <= table["high"]),
        width=(table["high"] - table["low"]) / table["truth"].clip(lower=1),
        error=(table["count"] / table["truth"].clip(lower=1) - 1).abs(),
    )


def _coverage(rows: pd.DataFrame) -> list[dict]:
    found = []
    for (kind, blocks), part in rows.groupby(["kind", "blocks"], sort=False):
        row = {"kind": kind, "blocks": blocks}
        for labels, of_labels in part.groupby("labels"):
            name = f"{labels} labels" if labels else "no label"
            row[name] = f"{of_labels['held'].mean():.1%} ({of_labels['width'].median():.2f})"
        found.append(row)
    row = {"kind": "all of them", "blocks": ""}
    for labels, part in rows.groupby("labels"):
        row[f"{labels} labels" if labels else "no label"] = f"{part['held'].mean():.1%}"
    return [*found, row]


def _naive(rows: pd.DataFrame) -> str:
    own = rows[rows["way"] == "naive"]
    share, error = own["held"].mean(), own["error"].median()
    return (
        f"The naive count with the interval of a Poisson number, which is what one might print "
        f"without knowing better, holds the truth in {share:.1%} of the repetitions; it is off by "
        f"{error:.0%} (median).\n"
    )


def _among(rows: pd.DataFrame) -> list[dict]:
    ways = ("cellsift, among candidates", "sample alone", "PPI++")
    own = rows[rows["way"].isin(ways) & (rows["labels"] > 0)]
    widths = own.pivot_table(
        index=["kind", "labels", "repetition"], columns="way", values="width", sort=False
    )
    held = own.groupby(["kind", "labels", "way"], sort=False)["held"].mean()
    found = []
    for (kind, labels), part in widths.groupby(["kind", "labels"], sort=False):
        ratio = part.div(part["sample alone"], axis=0).median()
        row = {"kind": kind, "labels": labels}
        for way in ways:
            name = way.partition(",")[0]
            row[f"{name}: held"] = f"{held[kind, labels, way]:.1%}"
            if way != "sample alone":
                row[f"{name}: width"] = f"{ratio[way]:.2f}"
        found.append(row)
    return found


def _by_region(rows: pd.DataFrame) -> list[dict]:
    ways = {
        "region": "a region's interval held",
        "region, as if alike": "as if places were alike",
        "whole brain": "the brain's held",
        "whole brain, as if alike": "as if alike",
    }
    own = rows[rows["way"].isin(list(ways))]
    found = []
    for (kind, labels, blocks), part in own.groupby(["kind", "labels", "blocks"], sort=False):
        row = {"kind": kind.partition(";")[0], "labels": labels, "blocks": blocks}
        row["brains"] = part["repetition"].nunique()
        for way, name in ways.items():
            of_way = part[part["way"] == way]
            row[name] = f"{of_way['held'].mean():.1%} ({of_way['width'].median():.2f})"
        found.append(row)
    return found


def _kinds() -> list[dict]:
    return [
        {
            "kind": kind.name,
            "candidates": f"{kind.candidates:,}",
            "train brains": kind.train,
            "cells among them": f"{kind.prevalence:.0%}",
            "ROC area": kind.area,
            "shape of scores": kind.shape,
            "recall of detection": kind.recall,
            "spread between brains (log odds): prevalence, scores, slope, recall": ", ".join(
                f"{value:g}"
                for value in (
                    kind.prevalence_spread,
                    kind.offset,
                    kind.slope,
                    kind.recall_spread,
                )
            ),
            "between blocks: scores, recall": f"{kind.places:g}, {kind.recall_places:g}",
        }
        for kind in KINDS
    ]


def _table(rows: list[dict]) -> str:
    table = pd.DataFrame(rows).replace({np.nan: ""})
    lines = ["| " + " | ".join(map(str, table.columns)) + " |", "|" + " --- |" * len(table.columns)]
    lines += ["| " + " | ".join(map(str, row)) + " |" for row in table.itertuples(index=False)]
    return "\n".join(lines) + "\n"
