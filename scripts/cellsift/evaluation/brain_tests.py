"""Whether one arm is better than another from brain to brain: the brain is what is drawn."""

from collections.abc import Mapping
from itertools import combinations

import numpy as np
import pandas as pd

from cellsift.evaluation.classification import checked_candidates
from cellsift.evaluation.comparison import COMPARED
from cellsift.evaluation.paired_tests import COLUMNS, holm
from cellsift.evaluation.ranking import Ranking

LEFT_OUT = ["arm_a", "arm_b", "metric", "left_out", "difference"]

# Of fewer brains not even one and the same sign in all of them has a p below 0.05.
FEWEST_BRAINS = 6
# With more brains than this signs are drawn, not all gone through.
ALL_SIGNS = 13
DRAWN_SIGNS = 10_000
# Sums of differences that are equal but for rounding count as equal.
ROUNDING = 1e-9


def brain_tests(by_brain: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """The sign-flip test of each pair of arms over brains, where there are at least six.

    `by_brain` has the columns arm_a, arm_b, brain, metric, difference, a row for each pair, metric
    and single brain. Returns the columns of `candidate_tests`: test sign_flip, unit
    brain, units: brains in which the difference is defined, difference: the mean of theirs,
    statistic: Student's t of them. p, p_holm and p_joint are those of `sign_flip_test`, adjusted
    over all pairs for each metric. A pair that has fewer than six such brains has no row.

    Example:
        brain_tests(comparison).query("metric == 'f1'")[["arm_a", "arm_b", "p_joint"]]
    """
    tables = []
    for metric, rows in by_brain.groupby("metric", sort=False):
        wide = rows.pivot(index="brain", columns=["arm_a", "arm_b"], values="difference")
        wide = wide.loc[:, wide.notna().sum() >= FEWEST_BRAINS]
        if wide.shape[1]:
            tables.append(_tested(wide, str(metric), seed))
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=COLUMNS)


def sign_flip_test(differences: np.ndarray, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Two-sided p of each column of differences (brains, pairs), and p joint over all columns.

    Were two arms alike, a brain's difference might as well have the other sign: p is the share of
    all ways to set the signs whose sum lies as far from 0 as that seen (Fisher 1935). It is exact
    with up to 13 brains, and of 10 000 drawn ways (`seed`) with more. Flipped together for all
    pairs, the largest standardised sum tells how far the best of so many pairs lies by chance
    (Westfall and Young 1993, step-down): p joint keeps the risk that any pair of equals is told
    apart. Holm's adjustment does so too, but with six brains p is 0.031 at least, and no pair out
    of two or more could ever be told apart; pairs that share arms and brains go together, which
    this knows. A difference that is nan counts nowhere.

    Example:
        >>> apart = np.array([[1.0, 1], [2, -1], [1, 2], [3, 1], [2, -2], [1, 0]])
        >>> [p.tolist() for p in sign_flip_test(apart)]
        [[0.03125, 1.0], [0.03125, 1.0]]
    """
    summands = np.nan_to_num(np.asarray(differences, float))
    scale = np.sqrt((summands**2).sum(axis=0))
    summands = summands / np.where(scale > 0, scale, 1)
    seen = np.abs(summands.sum(axis=0)) - ROUNDING
    sums = np.abs(_signs(len(summands), seed) @ summands)
    p_values = (sums >= seen).mean(axis=0)
    order = np.argsort(-seen, kind="stable")
    # Each pair beside the largest of those that lie no farther from 0 than it does.
    largest = np.maximum.accumulate(sums[:, order[::-1]], axis=1)[:, ::-1]
    joint = np.empty(len(order))
    joint[order] = np.maximum.accumulate((largest >= seen[order]).mean(axis=0))
    return p_values, joint


def without_each_brain(
    labels: np.ndarray | pd.Series,
    scores: Mapping[str, np.ndarray],
    thresholds: Mapping[str, float],
    brain_of_candidate: np.ndarray,
) -> pd.DataFrame:
    """Return arm_a, arm_b, metric, left_out, difference: of all candidates but those of one brain.

    A difference that changes its sign with a single brain rests on that brain. Arguments and errors
    as of `compare_arms`; no row where there is one brain only. Areas and average precision of more
    than 20 000 different scores are within 0.001.

    Example:
        without_each_brain(labels, scores, thresholds, brains).query("difference < 0")
    """
    rows = []
    names = np.unique(brain_of_candidate)
    if len(names) > 1:
        found = {
            arm: _without_each(labels, score, thresholds[arm], brain_of_candidate, names)
            for arm, score in scores.items()
        }
        for a, b in combinations(scores, 2):
            for metric in COMPARED:
                apart = found[a][metric] - found[b][metric]
                rows += [(a, b, metric, *row) for row in zip(names, apart, strict=True)]
    return pd.DataFrame(rows, columns=LEFT_OUT)


def _without_each(
    labels: np.ndarray | pd.Series,
    score: np.ndarray,
    threshold: float,
    brain_of_candidate: np.ndarray,
    names: np.ndarray,
) -> dict[str, np.ndarray]:
    """Metrics of one arm with each brain left out, in the order of `names`."""
    kept, is_cell, decided = checked_candidates(labels, score, False)
    present, unit = np.unique(np.asarray(brain_of_candidate)[kept], return_inverse=True)
    ranking = Ranking(is_cell, decided, threshold, unit)
    # A brain all of whose candidates are ambiguous is no unit: leaving it out changes nothing.
    return ranking.statistics((names[:, None] != present).astype(float))


def _tested(wide: pd.DataFrame, metric: str, seed: int) -> pd.DataFrame:
    p_values, joint = sign_flip_test(wide.to_numpy(), seed)
    mean, units, spread = wide.mean(), wide.notna().sum(), wide.std()
    with np.errstate(divide="ignore", invalid="ignore"):
        t = mean / (spread / np.sqrt(units))
    table = pd.DataFrame(wide.columns.to_list(), columns=["arm_a", "arm_b"]).assign(
        test="sign_flip",
        metric=metric,
        unit="brain",
        units=units.to_numpy(),
        difference=mean.to_numpy(),
        statistic=t.where(np.isfinite(t), np.nan).to_numpy(),
        p=p_values,
    )
    return table.assign(p_holm=holm(p_values), p_joint=joint)


def _signs(brains: int, seed: int) -> np.ndarray:
    """Ways to set signs (ways, brains), that of the data first; of opposite ones only one."""
    if brains <= ALL_SIGNS:
        ways = np.arange(2 ** max(brains - 1, 0))
        return 1.0 - 2 * (ways[:, None] >> np.arange(brains) & 1)
    drawn = np.random.default_rng(seed).integers(0, 2, (DRAWN_SIGNS, brains))
    drawn[0] = 0
    return 1.0 - 2 * drawn
