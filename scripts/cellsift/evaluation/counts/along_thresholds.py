"""What calling cells from another threshold on would give: how many, and how many of them right."""

import numpy as np
import pandas as pd

from cellsift.calibration.brain_threshold import cells_above
from cellsift.evaluation.counts.estimate import TAIL, Evidence
from cellsift.evaluation.counts.recall import recall_draws

# Thresholds on p_cell that are compared, beside the arm's own.
STEPS = np.round(np.arange(0.01, 1.0, 0.01), 2)


def thresholds_to_compare(own: float) -> np.ndarray:
    """Thresholds on p_cell, ascending, with the arm's own among them.

    Example:
        >>> thresholds_to_compare(0.123)[10:14].tolist()
        [0.11, 0.12, 0.123, 0.13]
    """
    return np.union1d(STEPS, own)


def thresholds_reached(
    p_cell: np.ndarray, is_cell: np.ndarray, own: float, thresholds: np.ndarray
) -> np.ndarray:
    """How many of the ascending `thresholds` each candidate (n,) reaches.

    Whether it reaches the arm's own says `is_cell` (n,), as tables have p_cell rounded.

    Example:
        >>> p_cell, is_cell = np.array([0.05, 0.5, 0.5]), np.array([False, True, False])
        >>> thresholds_reached(p_cell, is_cell, 0.5, np.array([0.1, 0.5, 0.9])).tolist()
        [0, 2, 1]
    """
    p_cell = np.where(is_cell, np.maximum(p_cell, own), np.minimum(p_cell, np.nextafter(own, -1)))
    return np.searchsorted(thresholds, p_cell, side="right")


def along_thresholds(evidence: Evidence, p_cell: np.ndarray, own: float, seed: int) -> pd.DataFrame:
    """Return a row for each of `thresholds_to_compare`, which tells of the whole brain.

    Columns: threshold (on the arm's p_cell (n,)), called (candidates that reach it), cells_low,
    cells, cells_high (the middle and the middle 95% of how many of these are cells), found_low,
    found, found_high (the same of the share of all cells that are among them; those that detection
    missed count as not found). All by what `count_cells` knows, at the seed it was given.

    Example:
        >>> from cellsift.calibration.between_brains import BetweenBrains
        >>> logits = np.repeat([-4.0, 4.0], [900, 100])
        >>> known = BetweenBrains(np.zeros(2), np.eye(2) * 0.1, 5)
        >>> evidence = Evidence(logits, logits > 0, known, [(95, 100)] * 5)
        >>> table = along_thresholds(evidence, 1 / (1 + np.exp(-logits)), 0.5, seed=1)
        >>> table.set_index("threshold").loc[[0.01, 0.5], "called"].tolist()
        [1000, 100]
    """
    thresholds = thresholds_to_compare(own)
    if not len(evidence.logits):
        return pd.DataFrame({"threshold": thresholds, "called": 0})
    reached = thresholds_reached(np.asarray(p_cell, float), evidence.is_cell, own, thresholds)
    called = len(reached) - np.cumsum(np.bincount(reached, minlength=len(thresholds) + 1))[:-1]
    ends, row = np.unique(np.append(called, len(reached)), return_inverse=True)
    # Those that reach more come first, and of these those of higher logits.
    order = np.lexsort((-evidence.logits, -reached))
    cells = cells_above(evidence.posterior(seed), evidence.logits, order, ends, evidence.labels)
    random = np.random.default_rng([seed, 2])
    recall = recall_draws(evidence.train_recall, evidence.blocks, len(cells), seed + 1)
    number = random.binomial(ends, np.clip(cells / np.maximum(ends, 1), 0, 1))
    every = cells[:, -1:]
    # Where all are labelled as none, no share of cells is found.
    share = recall[:, None] * np.divide(cells, every, np.zeros_like(cells), where=every > 0)
    columns = {"threshold": thresholds, "called": called}
    for name, drawn in (("cells", number), ("found", share)):
        low, middle, high = np.quantile(drawn, [TAIL, 0.5, 1 - TAIL], axis=0)[:, row[:-1]]
        columns |= {f"{name}_low": low, name: middle, f"{name}_high": high}
    return pd.DataFrame(columns)
