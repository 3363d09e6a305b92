"""Metrics of a ranking, for the candidates themselves and for many bootstrap resamples of them."""

import math

import numpy as np
from scipy.sparse import coo_array, csr_array

RECALL_WANTED = 0.99
RATE = f"false_positive_rate_at_recall_{RECALL_WANTED}"
METRICS = (
    "precision",
    "recall",
    "specificity",
    "f1",
    "accuracy",
    "roc_auc",
    "average_precision",
    RATE,
    "brier",
)

# Steps of a ranking that resamples tell apart. More would cost time, and with 20 000 no metric of a
# resample is off by 0.001, as long as one candidate in a hundred is a cell.
MOST_STEPS = 20_000


class Ranking:
    """Labels in the order of a score, from which weighted metrics are read off.

    Equal scores are one step of the ranking, so ties cannot flatter a classifier. Candidates are
    weighted by `units` (the number of each one's unit, from 0), which a bootstrap draws as a
    whole; then neighbouring steps of a ranking with more than 20 000 are taken together, but none
    across the threshold. Without `units` there is a single one, and all steps count.
    """

    def __init__(
        self,
        is_cell: np.ndarray,
        scores: np.ndarray,
        threshold: float,
        units: np.ndarray | None = None,
    ):
        levels, step = np.unique(-scores, return_inverse=True)
        taken = int((levels <= -threshold).sum())
        if units is None:
            units = np.zeros(len(scores), int)
        elif len(levels) > MOST_STEPS:
            step, taken = _coarser(step, taken)
        self.taken = taken
        shape = (int(units.max(initial=-1)) + 1, int(step.max(initial=-1)) + 1)
        self.cells = _counts(units[is_cell], step[is_cell], shape)
        self.others = _counts(units[~is_cell], step[~is_cell], shape)
        self.squared_errors = np.bincount(units, (scores - is_cell) ** 2, shape[0])

    def statistics(self, weights: np.ndarray | None = None) -> dict[str, np.ndarray]:
        """Every metric of METRICS: weights (k, units) to k values each, or 1 without weights."""
        if weights is None:
            weights = np.ones((1, len(self.squared_errors)))
        weights = weights.astype(float)
        hits, alarms = (_cumulated(weights, counts) for counts in (self.cells, self.others))
        cells, others = hits[:, -1], alarms[:, -1]
        hit, alarm = hits[:, self.taken], alarms[:, self.taken]
        with np.errstate(divide="ignore", invalid="ignore"):
            return {
                "precision": hit / (hit + alarm),
                "recall": hit / cells,
                "specificity": (others - alarm) / others,
                "f1": 2 * hit / (hit + alarm + cells),
                "accuracy": (hit + others - alarm) / (cells + others),
                "roc_auc": _area(hits, alarms),
                "average_precision": _average_precision(hits, alarms),
                RATE: _false_positive_rate(hits, alarms),
                "brier": weights @ self.squared_errors / (cells + others),
            }


def _coarser(step: np.ndarray, taken: int) -> tuple[np.ndarray, int]:
    """Steps of about equally many candidates, none across the threshold; see `Ranking`."""
    part = (np.cumsum(np.bincount(step)) - 1) * MOST_STEPS // len(step)
    part[taken:] += 1
    return part[step], int(part[taken - 1]) + 1 if taken else 0


def _counts(units: np.ndarray, steps: np.ndarray, shape: tuple[int, int]) -> csr_array:
    """How many of these candidates each unit has on each step."""
    return coo_array((np.ones(len(units)), (units, steps)), shape=shape).tocsr()


def _cumulated(weights: np.ndarray, counts: csr_array) -> np.ndarray:
    """Weighted candidates at or above each step (k, 1 + steps), none of them first."""
    summed = np.zeros((len(weights), counts.shape[1] + 1))
    np.cumsum(weights @ counts, axis=1, out=summed[:, 1:])
    return summed


def _area(hits: np.ndarray, alarms: np.ndarray) -> np.ndarray:
    widths, heights = np.diff(alarms, axis=1), (hits[:, 1:] + hits[:, :-1]) / 2
    return (widths * heights).sum(axis=1) / (hits[:, -1] * alarms[:, -1])


def _average_precision(hits: np.ndarray, alarms: np.ndarray) -> np.ndarray:
    precision = hits[:, 1:] / np.maximum(hits[:, 1:] + alarms[:, 1:], 1)
    average = (np.diff(hits, axis=1) * precision).sum(axis=1) / hits[:, -1]
    # With artefacts absent every ranking is perfect, which says nothing.
    return np.where(alarms[:, -1] > 0, average, math.nan)


def _false_positive_rate(hits: np.ndarray, alarms: np.ndarray) -> np.ndarray:
    """The smallest share of artefacts taken at any threshold that finds 99% of the cells."""
    reached = hits >= RECALL_WANTED * hits[:, -1:] - 1e-9
    first = reached.argmax(axis=1)
    rate = alarms[np.arange(len(alarms)), first] / alarms[:, -1]
    return np.where(hits[:, -1] > 0, rate, math.nan)
