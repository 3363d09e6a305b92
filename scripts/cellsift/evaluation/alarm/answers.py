"""How the arms answer in a brain, whatever the truth: needs no annotation."""

from collections.abc import Mapping
from itertools import combinations

import numpy as np
import pandas as pd
from scipy.special import expit, logit

# A candidate is in doubt where p_cell lies between these.
DOUBT = (0.1, 0.9)
# Added to counts, so that none and all have a logit.
HALF = 0.5


def answers_of(scored: Mapping[str, pd.DataFrame]) -> dict[str, tuple[float, float]]:
    """Return three shares, each with the variance of its logit that chance alone gives it.

    - called: of the candidates, those called cells; the mean of the arms on the logit scale;
    - doubtful: those whose p_cell lies from 0.1 to 0.9, likewise;
    - shared: of the candidates that one of two arms calls cells, those that both do; likewise the
      mean of all pairs.

    `scored` is, by arm, the brain's table with p_cell and is_cell, all in one order. NaN is what
    cannot be known: all without candidates, and `shared` with one arm or where no arm calls a cell.
    """
    tables = [table for table in scored.values() if len(table)]
    low, high = DOUBT
    called = [table["is_cell"].to_numpy(bool) for table in tables]
    doubtful = [table["p_cell"].between(low, high).to_numpy() for table in tables]
    pairs = [(int((a & b).sum()), int((a | b).sum())) for a, b in combinations(called, 2)]
    return {
        "called": _mean_share([(int(c.sum()), len(c)) for c in called]),
        "doubtful": _mean_share([(int(d.sum()), len(d)) for d in doubtful]),
        "shared": _mean_share([(both, either) for both, either in pairs if either]),
    }


def _mean_share(counts: list[tuple[int, int]]) -> tuple[float, float]:
    """The mean share of counts (of, all) on the logit scale, and the variance of that logit."""
    if not counts:
        return float("nan"), float("nan")
    some, every = np.array(counts, float).T
    logits = logit((some + HALF) / (every + 2 * HALF))
    # The arms judge the same candidates: their chance errors are no independent ones.
    variance = (1 / (some + HALF) + 1 / (every - some + HALF)).mean()
    return float(expit(logits.mean())), float(variance)
