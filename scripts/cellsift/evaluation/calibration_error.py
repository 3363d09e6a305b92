"""How far p_cell lies from the share of cells: the expected calibration error."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.stats import norm

from cellsift.evaluation.classification import checked_candidates, units_of
from cellsift.evaluation.confidence import CONFIDENCE
from cellsift.evaluation.resampling import RESAMPLES, resampled_weights

MOST_BINS = 10
# With fewer candidates in a bin chance alone makes a large error.
FEWEST_IN_BIN = 20


COLUMNS = ["candidates", "bins", "ece", "by_chance", "corrected", "low", "high"]


def expected_calibration_error(
    labels: np.ndarray | pd.Series,
    p_cell: Mapping[str, np.ndarray],
    groups: np.ndarray | pd.Series | None = None,
    blocks: np.ndarray | None = None,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> pd.DataFrame:
    """Return each arm's expected calibration error (Naeini et al. 2015) and its interval.

    `p_cell` gives each arm's probabilities of the same candidates. These are put by p_cell into ten
    bins of equal numbers, fewer where that leaves less than 20 in each; equal p_cell stay together.
    Columns:

    - arm, candidates, bins;
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
        >>> found = expected_calibration_error(p_cell > 0.5, {"arm": p_cell})
        >>> found[["bins", "ece"]].round(3).values.tolist()
        [[2.0, 0.1]]
    """
    excess, unit, brains = {}, np.zeros(0, int), np.zeros(0)
    for arm, probabilities in p_cell.items():
        kept, is_cell, values = checked_candidates(labels, probabilities, is_probability=True)
        unit, brains = units_of(kept, groups, blocks)
        excess[arm] = _excess(unit, len(brains), values, is_cell)
    if not len(unit):
        rows = [(arm, 0, 0, *[np.nan] * 5) for arm in p_cell]
        return pd.DataFrame(rows, columns=["arm", *COLUMNS])
    ends = np.cumsum([of_arm.shape[1] for of_arm in excess.values()])[:-1]
    joined = np.concatenate([*excess.values(), np.bincount(unit)[:, None]], axis=1)
    drawn = np.concatenate(
        [weights @ joined for weights in resampled_weights(len(brains), brains, resamples, seed)]
    )
    shares = np.split(joined[:, :-1].sum(axis=0) / len(unit), ends)
    of_draws = np.split(drawn[:, :-1] / drawn[:, -1:], ends, axis=1)
    rows = [
        (arm, len(unit), len(seen), *_told(seen, of_arm))
        for arm, seen, of_arm in zip(p_cell, shares, of_draws, strict=True)
    ]
    return pd.DataFrame(rows, columns=["arm", *COLUMNS])


def _excess(unit: np.ndarray, units: int, p_cell: np.ndarray, is_cell: np.ndarray) -> np.ndarray:
    """By how much p_cell exceeds the cells in each unit and bin, summed over candidates."""
    bins = equal_bins(p_cell) if len(p_cell) else np.zeros(0, int)
    number = int(bins.max(initial=-1)) + 1
    summed = np.bincount(unit * number + bins, p_cell - is_cell, units * number)
    return summed.reshape(units, number)


def equal_bins(values: np.ndarray) -> np.ndarray:
    """The bin (n,), from 0, of each value: of about equal numbers, equal values in one bin."""
    number = int(np.clip(len(values) // FEWEST_IN_BIN, 1, MOST_BINS))
    edges = np.quantile(values, np.arange(1, number) / number, method="inverted_cdf")
    return np.unique(np.searchsorted(edges, values, side="left"), return_inverse=True)[1]


def _told(shares: np.ndarray, drawn: np.ndarray) -> tuple[float, float, float, float, float]:
    """The columns from ece on, of the bins' excess (bins,) and that in resamples (k, bins)."""
    tail = (1 - CONFIDENCE) / 2
    error = float(np.abs(shares).sum())
    errors = np.abs(drawn).sum(axis=1)
    chance = np.abs(drawn - shares).sum(axis=1)
    low, high = 2 * error - np.quantile(errors, [1 - tail, tail])
    high = max(high, error + norm.ppf(1 - tail) * errors.std())
    corrected = max(2 * error - float(errors.mean()), 0.0)
    if error <= np.quantile(chance, 1 - tail):
        low = 0.0
    by_chance, bounds = float(chance.mean()), (max(low, 0.0), min(max(high, corrected), 1.0))
    return error, by_chance, corrected, float(min(bounds[0], corrected)), float(bounds[1])
