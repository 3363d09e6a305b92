"""Average precision of a ranking, as scikit-learn gives it to the last bit.

A training needs nothing else of scikit-learn, which takes a second to load.
"""

import numpy as np


def average_precision(is_cell: np.ndarray, scores: np.ndarray) -> float:
    """Return the average precision of scores (n,), of which a higher one means rather a cell.

    The precision at each score from the highest on, weighted by the share of the cells that are
    reached there; equal scores are one. 0 where no candidate is a cell (`is_cell`, (n,) of
    booleans). Raises ValueError for scores that are not finite, and where there is none.
    """
    if not len(scores) or not np.isfinite(scores).all():
        raise ValueError("scores to be ranked are not finite numbers, or there is none")
    order = np.argsort(scores, kind="stable")[::-1]
    ranked = scores[order]
    ends = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)
    cells = np.cumsum(is_cell[order], dtype=float)[ends]
    precision, recall = cells / (1.0 + ends), cells / max(cells[-1], 1.0)
    # Summed from the last to the first, as the last bit depends on the order.
    steps = np.diff(np.append(recall[::-1], 0.0))
    return max(0.0, float(-np.sum(steps * precision[::-1])))
