"""Which of two arms is better, worse, or not distinguishable, and what that rests on."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from cellsift.evaluation.brain_tests import FEWEST_BRAINS
from cellsift.io.names import BETTER, NOT_DISTINGUISHABLE, WORSE

BY_INTERVAL, BY_TEST = "interval", "test by brain"

RISK = 0.05
# An exact test of signs never falls below 0.05 with fewer.
FEWEST_APART = 6
# Bounds nearer to 0 than that are 0.
ROUNDING = 1e-9

COLUMNS = [
    "arm_a",
    "arm_b",
    "brain",
    "metric",
    "difference",
    "low",
    "high",
    "brains",
    "basis",
    "p",
    "verdict",
    "note",
]
PAIR = ["arm_a", "arm_b", "metric"]


def verdicts(
    comparison: pd.DataFrame,
    tests: pd.DataFrame,
    left_out: pd.DataFrame,
    brains: Sequence[str],
    cells: int,
    others: int,
) -> pd.DataFrame:
    """Return a verdict on each pair of arms and metric: how arm_a does beside arm_b.

    Columns: arm_a, arm_b, brain, metric, difference, low, high (joint: they hold for all pairs at
    once), brains (test brains in which the difference is known), basis, p, verdict (better, worse
    or not distinguishable) and note.

    With six test brains or more the basis is "test by brain": better or worse where p, the joint p
    of `sign_flip_test`, is below 0.05. With fewer no test can tell what further brains would show:
    p is nan, the note says so, and the basis is "interval": better or worse, on these brains, where
    the joint interval of the difference excludes 0 and no brain turns the difference round when it
    is left out. An interval of next to nothing tells nothing: it takes six cells, six others and,
    for f1, six candidates that the two call differently. Where a difference is not defined there is
    no basis. Swapping two arms swaps their verdict.

    Args:
        comparison: rows of `compare_arms` with their brain, of what is judged: one test brain, or
            all together.
        tests: rows of `brain_tests` and of `candidate_tests` on the same.
        left_out: what `without_each_brain` gives.
        brains: the test brains that are judged together.
        cells, others: how many candidates are labelled cell and no_cell.

    Example:
        verdicts(comparison, tests, left_out, ["b", "c"], 200, 900).query("metric == 'f1'")
    """
    by_brain = tests[tests["test"] == "sign_flip"].set_index(PAIR)
    apart = tests[tests["test"] == "mcnemar"].set_index(["arm_a", "arm_b"])["units"]
    remaining = {pair: rows for pair, rows in left_out.groupby(PAIR, sort=False)}
    rows = []
    for row in comparison.itertuples(index=False):
        pair = (row.arm_a, row.arm_b, row.metric)
        if np.isnan(row.difference):
            judged = (len(brains), "", np.nan, 0, f"{row.metric} is not defined for both arms")
        elif pair in by_brain.index:
            judged = _by_test(by_brain.loc[pair], row.difference)
        else:
            calls = apart[row.arm_a, row.arm_b] if row.metric == "f1" else FEWEST_APART
            doubt = _too_little(min(cells, others), calls)
            judged = _by_interval(row, remaining.get(pair), brains, doubt)
        known, basis, p, side, note = judged
        verdict = {1: BETTER, -1: WORSE}.get(side, NOT_DISTINGUISHABLE)
        bounds = (row.difference, row.low_joint, row.high_joint)
        rows.append((*pair[:2], row.brain, row.metric, *bounds, known, basis, p, verdict, note))
    return pd.DataFrame(rows, columns=COLUMNS)


def _by_test(test: pd.Series, difference: float) -> tuple[int, str, float, int, str]:
    """Brains, basis, p, side (1: better, -1: worse) and note."""
    known, p = int(test["units"]), float(test["p_joint"])
    if p >= RISK:
        return known, BY_TEST, p, 0, ""
    side = int(np.sign(test["difference"]))
    if side * difference < 0:
        note = (
            "brain by brain the difference is the other way round than in all candidates together"
        )
        return known, BY_TEST, p, 0, note
    return known, BY_TEST, p, side, ""


def _by_interval(
    row, left_out: pd.DataFrame | None, brains: Sequence[str], doubt: str
) -> tuple[int, str, float, int, str]:
    notes = [_few(len(brains))]
    side = int(row.low_joint > ROUNDING) - int(row.high_joint < -ROUNDING)
    if side and doubt:
        side = 0
        notes.append(doubt)
    if side and left_out is not None:
        turned = left_out[~(side * left_out["difference"] > ROUNDING)]
        if len(turned):
            side = 0
            notes.append(f"without {', '.join(turned['left_out'])} it is not so")
    return len(brains), BY_INTERVAL, np.nan, side, "; ".join(notes)


def _few(brains: int) -> str:
    number = "one test brain" if brains == 1 else f"{brains} test brains"
    return f"{number}: a test by brain takes {FEWEST_BRAINS}, so further brains may differ"


def _too_little(fewest: int, apart: int) -> str:
    if fewest < FEWEST_APART:
        return f"{fewest} candidates of one kind, cell or no cell, tell too little"
    if apart < FEWEST_APART:
        return f"the two call {apart} candidates differently, which tells too little"
    return ""
