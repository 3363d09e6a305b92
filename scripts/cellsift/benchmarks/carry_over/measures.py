"""What the scores of brains that were left out come to, as tidy tables."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from cellsift.benchmarks.carry_over.scores import Job, Result
from cellsift.benchmarks.carry_over.thresholds import (
    WITHOUT_LABELS,
    Case,
    estimated_share,
    fitted_line,
    with_labels,
)

SIZES = (25, 50, 100, 200)
TODAY, BEST = "today's", "best possible"
BRAIN = ["cohort", "brain", "arm"]
# A loss of F1 that a brain may have.
TOLERATED = 0.01


def brain_rows(results: Iterable[Result]) -> pd.DataFrame:
    """A row for each training: F1 of the brain left out by way of choosing the threshold.

    Columns cohort, brain, arm, variant, seed, candidates, share of cells here and among the train
    brains, the estimated share, and F1 of each of `WITHOUT_LABELS` and of the best threshold.
    """
    rows = []
    for result in results:
        case = Case.of(result.scores)
        rows.append(
            {
                **_named(result),
                "candidates": len(case.logits),
                "share": case.is_cell.mean(),
                "share of others": case.share,
                "estimated share": estimated_share(case),
                **{way: case.f1(threshold(case)) for way, threshold in WITHOUT_LABELS.items()},
                BEST: case.best_f1,
            }
        )
    return pd.DataFrame(rows)


def draw_rows(result: Result, draws: int) -> pd.DataFrame:
    """The F1 of each way to use labels, by draw: way, labels, f1, and what `brain_rows` has."""
    case = Case.of(result.scores)
    drawn = with_labels(case, SIZES, draws)
    return drawn.assign(**_named(result), today=case.f1(case.threshold), best=case.best_f1)


def line_rows(results: Iterable[Result]) -> pd.DataFrame:
    """Offset and slope of each brain's log odds over the logit, by scores of the others' arms."""
    rows = []
    for result in results:
        case = Case.of(result.scores)
        offset, slope = fitted_line(case.logits, case.is_cell)
        rows.append({**_named(result), "offset": offset, "slope": slope})
    return pd.DataFrame(rows)


def beside_plain(rows: pd.DataFrame, plain: str) -> pd.DataFrame:
    """Each variant beside the plain one, paired by cohort, brain, arm and the seeds of both.

    Columns cohort, arm, variant, brains, trainings, f1, change (of the mean over brains), worst (of
    a brain), best (change of F1 with the best threshold).
    """
    keys = [*BRAIN, "seed"]
    both = rows.merge(
        rows.loc[rows["variant"] == plain, [*keys, TODAY, BEST]], on=keys, suffixes=("", " plain")
    )
    both["change"] = both[TODAY] - both[f"{TODAY} plain"]
    both["best"] = both[BEST] - both[f"{BEST} plain"]
    of_brain = both.groupby(["cohort", "arm", "variant", "brain"], sort=False)[
        [TODAY, "change", "best"]
    ].mean()
    grouped = of_brain.groupby(["cohort", "arm", "variant"], sort=False)
    trainings = both.groupby(["cohort", "arm", "variant"], sort=False).size()
    return (
        grouped.mean()
        .assign(brains=grouped.size(), trainings=trainings, worst=grouped["change"].min())
        .rename(columns={TODAY: "f1"})
        .reset_index()
    )


def gap_closed(drawn: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """How much of the gap between today's F1 and the best possible the labels close.

    Rows by `by`, way and labels; columns gain (mean over brains and arms), closed (the sum of the
    gains over the sum of the gaps), worst (the least mean gain of a brain and arm, over its seeds
    and draws), losing (how many of them lose more than `TOLERATED`), cases (how many there are).
    """
    cases = drawn.assign(gain=drawn["f1"] - drawn["today"], gap=drawn["best"] - drawn["today"])
    keys = list(dict.fromkeys([*by, "way", "labels"]))
    of_case = cases.groupby([*keys, *[k for k in BRAIN if k not in keys]], sort=False)[
        ["gain", "gap"]
    ].mean()
    grouped = of_case.groupby(keys, sort=False)
    found = grouped["gain"].agg(gain="mean", worst="min", cases="size")
    found["closed"] = grouped["gain"].sum() / grouped["gap"].sum()
    found["losing"] = grouped["gain"].agg(lambda gain: int(np.sum(gain < -TOLERATED)))
    return found.reset_index()


def _named(result: Result) -> dict[str, object]:
    job: Job = result.job
    return {
        "cohort": result.cohort,
        "brain": result.brain,
        "arm": job.architecture,
        "variant": job.name,
        "seed": result.seed,
    }
