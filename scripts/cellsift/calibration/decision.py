"""From logits to classified cells; needs no torch."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.special import expit

from cellsift.errors import InputError
from cellsift.io.axes import AXES

# Probabilities are rounded so that results do not depend on how candidates were batched.
DECIMALS = 6


def cell_probability(logits: np.ndarray, temperature: float) -> np.ndarray:
    """sigmoid(logit / temperature), rounded to 6 digits."""
    return np.round(expit(np.asarray(logits, float) / temperature), DECIMALS)


def classified(
    positions: np.ndarray, logits: np.ndarray, temperature: float, threshold: float
) -> pd.DataFrame:
    """Return z, y, x, p_cell and is_cell, row i for candidate i.

    p_cell is the `cell_probability`; is_cell where it reaches the threshold. `positions` is (n, 3),
    `logits` (n,).
    """
    p_cell = cell_probability(logits, temperature)
    cells = pd.DataFrame(np.asarray(positions).reshape(-1, 3), columns=AXES)
    return cells.assign(p_cell=p_cell, is_cell=p_cell >= threshold)


def known_logits(scores: pd.DataFrame, count: int) -> np.ndarray:
    """Return the logits (count,) of a brain's out-of-fold scores in the order of its candidates.

    `scores` has the columns candidate and logit. Raises InputError unless each of `count`
    candidates is there once, with a finite logit.
    """
    missing = [column for column in ("candidate", "logit") if column not in scores]
    if missing:
        raise InputError(f"the out-of-fold scores lack the columns {', '.join(missing)}")
    if "brain" in scores and scores["brain"].nunique() > 1:
        raise InputError("the out-of-fold scores are of several brains; select one brain's rows")
    candidates = scores["candidate"].to_numpy()
    if not np.array_equal(np.sort(candidates), np.arange(count)):
        raise InputError(
            f"the out-of-fold scores name {len(set(candidates))} candidates in {len(scores)} rows, "
            f"the brain has {count}: each is needed once; train the arm anew"
        )
    logits = np.empty(count)
    logits[candidates] = scores["logit"].to_numpy(float)
    if not np.isfinite(logits).all():
        raise InputError("there are out-of-fold scores that are not finite; train the arm anew")
    return logits


def joined_logits(of_chunks: Sequence[np.ndarray], count: int) -> np.ndarray:
    """Return the logits (count,) of all chunks of a brain, in order.

    Raises InputError unless they are those of `count` candidates.
    """
    logits = np.concatenate(of_chunks)
    if len(logits) != count:
        raise InputError(
            f"the chunks have scores of {len(logits)} candidates, the brain has {count}; "
            "score all its chunks anew"
        )
    return logits
