"""One comparison of made-up arms after the other, judged as a run judges its arms."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from cellsift.benchmarks.verdicts.brains import ScoredBrains, draw_brains
from cellsift.evaluation.brain_tests import FEWEST_BRAINS, brain_tests, without_each_brain
from cellsift.evaluation.comparison import compare_arms
from cellsift.evaluation.paired_tests import candidate_tests
from cellsift.evaluation.verdicts import RISK, verdicts
from cellsift.io.names import BETTER, NOT_DISTINGUISHABLE, WORSE

ARMS = 4
RESAMPLES = 300
METRIC = "f1"
ALL = "all test brains"


def trials(brains: int, better: float, repetitions: int, seed: int) -> Iterator[dict]:
    """Yield what each of some comparisons of four arms in so many test brains says.

    Of arms that are alike (`better` 0) the shares of `one pair`, by test, are errors, of which five
    in a hundred are allowed, and so is `any pair`, a verdict on any of the six. Else `told` is the
    share of the three pairs with the better arm that the verdict gets right, `wrong` that of those
    that it gets the wrong way round.

    Example:
        pd.DataFrame(trials(6, 0.0, 100, seed=1))["sign_flip"].mean()
    """
    for repetition in range(repetitions):
        random = np.random.default_rng([seed, brains, int(better * 1000), repetition])
        drawn = draw_brains(brains, ARMS, random, better)
        yield {"brains": brains, "better": better, "repetition": repetition} | _judged(drawn)


def _judged(drawn: ScoredBrains) -> dict:
    names = list(dict.fromkeys(drawn.brain))
    tests = [candidate_tests(drawn.is_cell, drawn.scores, _thresholds(drawn))]
    alone = [_compared(drawn.of(name), 1).assign(brain=name) for name in names]
    tests.append(brain_tests(pd.concat(alone)))
    # With brains enough the interval has no part in the verdict.
    resamples = RESAMPLES if len(names) < FEWEST_BRAINS else 1
    together = _compared(drawn, resamples).assign(brain=ALL)
    left_out = without_each_brain(drawn.is_cell, drawn.scores, _thresholds(drawn), drawn.brain)
    tested = pd.concat([table for table in tests if len(table)])
    cells = int(drawn.is_cell.sum())
    told = verdicts(together, tested, left_out, names, cells, len(drawn.is_cell) - cells)
    told = told[told["metric"] == METRIC]
    first = tested[(tested["arm_a"] == "arm 1") & (tested["arm_b"] == "arm 2")]
    p = first[first["metric"].isin([METRIC, "roc_auc", "accuracy"])]
    found = {test: bool((rows["p"] < RISK).iloc[0]) for test, rows in p.groupby("test", sort=False)}
    with_best = told.loc[told["arm_a"] == "arm 1", "verdict"]
    return found | {
        "any pair": bool((told["verdict"] != NOT_DISTINGUISHABLE).any()),
        "told": float((with_best == BETTER).mean()),
        "wrong": float((with_best == WORSE).mean()),
    }


def _compared(drawn: ScoredBrains, resamples: int) -> pd.DataFrame:
    return compare_arms(
        drawn.is_cell,
        drawn.scores,
        _thresholds(drawn),
        drawn.brain,
        drawn.block,
        resamples=resamples,
    )


def _thresholds(drawn: ScoredBrains) -> dict[str, float]:
    return dict.fromkeys(drawn.scores, 0.0)
