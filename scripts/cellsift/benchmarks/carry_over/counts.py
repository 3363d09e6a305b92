"""Counts of brains that were left out, beside their true numbers."""

import numpy as np
import pandas as pd

from cellsift.benchmarks.carry_over.scores import Result
from cellsift.benchmarks.carry_over.thresholds import Case
from cellsift.evaluation.counts.estimate import Evidence, count_cells

SIZES = (0, 25, 50, 100)


def count_rows(result: Result, draws: int) -> pd.DataFrame:
    """A row for each number of labels of the brain and each draw of them.

    Columns cohort, brain, arm, seed, labels, truth, naive, count, low, high: numbers of cells among
    the brain's candidates that are cell or no cell. What detection missed is not in them.
    """
    case = Case.of(result.scores)
    called = case.logits >= case.threshold
    rows = []
    for size in SIZES:
        for draw in range(draws if size else 1):
            labels = [case.draw(size, draw)] if size else []
            evidence = Evidence(case.logits, called, case.between, [], labels)
            found = count_cells(evidence, draw).iloc[0]
            rows.append(
                {
                    "labels": size,
                    "truth": int(case.is_cell.sum()),
                    "naive": int(called.sum()),
                    "count": found["among_candidates"],
                    "low": found["among_low"],
                    "high": found["among_high"],
                }
            )
    named = {"cohort": result.cohort, "brain": result.brain, "arm": result.job.architecture}
    return pd.DataFrame(rows).assign(**named, seed=result.seed)


def held(rows: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """How well counts hold, by `by` and labels, over brains, seeds and draws.

    Columns held (share of the intervals that hold the truth), width (median, as a share of the
    truth), error and naive_error (median distance of count and naive count from the truth, as
    shares of it), brains.
    """
    truth = rows["truth"].clip(lower=1)
    of = rows.assign(
        held=(rows["low"] <= rows["truth"]) & (rows["truth"] <= rows["high"]),
        width=(rows["high"] - rows["low"]) / truth,
        error=np.abs(rows["count"] - rows["truth"]) / truth,
        naive_error=np.abs(rows["naive"] - rows["truth"]) / truth,
        one=rows["cohort"] + rows["brain"],
    )
    grouped = of.groupby([*by, "labels"], sort=False)
    return grouped.agg(
        held=("held", "mean"),
        width=("width", "median"),
        error=("error", "median"),
        naive_error=("naive_error", "median"),
        brains=("one", "nunique"),
    ).reset_index()
