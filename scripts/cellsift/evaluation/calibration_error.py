"""How far p_cell lies from the share of cells: the expected calibration error."""

import numpy as np
import pandas as pd
from scipy.stats import norm

from cellsift.evaluation.classification import checked_candidates, units_of
from cellsift.evaluation.confidence import CONFIDENCE
from cellsift.evaluation.resampling import RESAMPLES, resampled_weights

MOST_BINS = 10
# With fewer candidates in a bin chance alone makes a large error.
FEWEST_IN_BIN = 20


def expected_calibration_error(
    labels: np.ndarray | pd.Series,
    p_cell: np.ndarray | pd.Series,
    groups: np.ndarray | pd.Series | None = None,
    blocks: np.ndarray | None = None,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> pd.DataFrame:
    """Return the expected calibration error (Naeini et al. 2015) and its interval, in one row.

    Candidates are put by p_cell into ten bins of equal numbers, fewer where that leaves less than
    20 in each; equal p_cell stay together. Columns:

    - candidates, bins;
    - ece: the mean over candidates of |mean p_cell - share of cells| of their bin. It is too high:
      by chance a bin is off even where every p_cell is true;
    - by_chance: what ece would be on average were every p_cell true, with candidates that hang
      together as these do;
    - corrected: ece less the bias that resamples show, not below 0; low, high: its 95% interval,
      of a bootstrap over brains and blocks as in `classification_metrics`, with the bins kept. low
      is that of the basic bootstrap, and 0 where ece is what chance gives; high also allows for ece
      itself being the truth. It holds for these bins: within a bin errors of opposite signs cancel
      out.

    nan without a candidate that is labelled cell or no_cell. Raises InputError as
    `classification_metrics`.

    Example:
        >>> p_cell = np.tile([0.1, 0.9], 100)
        >>> found = expected_calibration_error(p_cell > 0.5, p_cell)
        >>> found[["bins", "ece"]].round(3).values.tolist()
        [[2.0, 0.1]]
    """
    kept, is_cell, p_cell = checked_candidates(labels, p_cell, is_probability=True)
    unit, brains = units_of(kept, groups, blocks)
    if not len(p_cell):
        row = {"candidates": 0, "bins": 0} | dict.fromkeys(
            ("ece", "by_chance", "corrected", "low", "high"), np.nan
        )
        return pd.DataFrame([row])
    bins = equal_bins(p_cell)
    number = int(bins.max()) + 1
    cell = unit * number + bins
    shape = (len(brains), number)
    excess = np.bincount(cell, p_cell - is_cell, shape[0] * number).reshape(shape)
    count = np.bincount(unit, minlength=shape[0]).astype(float)
    seen = excess.sum(axis=0)
    portions = [
        ((weights @ excess), weights @ count)
        for weights in resampled_weights(len(brains), brains, resamples, seed)
    ]
    drawn = np.concatenate([portion[0] for portion in portions])
    total = np.concatenate([portion[1] for portion in portions])[:, None]
    drawn, total = drawn[total[:, 0] > 0], total[total[:, 0] > 0]
    shares = seen / len(p_cell)
    row = {"candidates": len(p_cell), "bins": number}
    return pd.DataFrame([row | _told(shares, drawn / total)])


def equal_bins(values: np.ndarray) -> np.ndarray:
    """The bin (n,), from 0, of each value: of about equal numbers, equal values in one bin."""
    number = int(np.clip(len(values) // FEWEST_IN_BIN, 1, MOST_BINS))
    edges = np.quantile(values, np.arange(1, number) / number, method="inverted_cdf")
    return np.unique(np.searchsorted(edges, values, side="left"), return_inverse=True)[1]


def _told(shares: np.ndarray, drawn: np.ndarray) -> dict[str, float]:
    """Error, bias and interval, of the bins' excess (bins,) and that in resamples (k, bins)."""
    tail = (1 - CONFIDENCE) / 2
    error = float(np.abs(shares).sum())
    errors = np.abs(drawn).sum(axis=1)
    chance = np.abs(drawn - shares).sum(axis=1)
    low, high = 2 * error - np.quantile(errors, [1 - tail, tail])
    high = max(high, error + norm.ppf(1 - tail) * errors.std())
    corrected = max(2 * error - float(errors.mean()), 0.0)
    if error <= np.quantile(chance, 1 - tail):
        low = 0.0
    return {
        "ece": error,
        "by_chance": float(chance.mean()),
        "corrected": corrected,
        "low": float(min(max(low, 0.0), corrected)),
        "high": float(min(max(high, corrected), 1.0)),
    }
