"""How brains differ in what a score means, by those that an arm learnt from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

# How a brain of another cohort differs, as standard deviations: the log odds of a cell at equal
# score, and their slope. See reports/carry_over.md and reports/coverage.md.
OFFSET, SLOPE = 1.0, 0.5
# What is known of other cohorts weighs as much as the spread of that many brains of this one.
WEIGHT = 4.0
# A brain's own fit is held by a prior that is so many times as wide.
WIDER = 2.0


@dataclass(frozen=True, eq=False)
class BetweenBrains:
    """In a brain the log odds of a cell are logit + offset + slope * logit (Platt 1999).

    mean (2,) and covariance (2, 2) of offset and slope in a further brain; `brains`: how many they
    were seen in. The logits are calibrated on all train brains together, so that both are about 0.
    """

    mean: np.ndarray
    covariance: np.ndarray
    brains: int

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "mean": self.mean.tolist(),
            "covariance": self.covariance.tolist(),
            "brains": self.brains,
        }


def between_brains(brains: Sequence[tuple[np.ndarray, np.ndarray]]) -> BetweenBrains:
    """What the train brains say of a further one.

    Each of them is its calibrated out-of-fold logits (n,) and whether each is a cell (n,). Offset
    and slope are fitted in each. Their spread is that around the mean, which for a brain that was
    not learnt from is larger by what the mean is unsure of; and as if `WEIGHT` more brains had
    shown `OFFSET` and `SLOPE`, for few brains tell little of a spread.

    Example:
        >>> logits = np.linspace(-3, 3, 200)
        >>> shifted = [(logits, logits + offset > 0) for offset in (-1, 0, 1)]
        >>> bool(np.sqrt(between_brains(shifted).covariance[0, 0]) > OFFSET)
        True
    """
    known = np.diag([OFFSET**2, SLOPE**2])
    fits = np.array([fit_line(*brain, known * WIDER**2) for brain in brains]).reshape(-1, 2)
    # As if one more brain had been just as calibrated.
    mean = fits.sum(axis=0) / (len(fits) + 1)
    own = (fits - mean).T @ (fits - mean)
    # The pooled calibration has used up one of them.
    spread = (WEIGHT * known + own) / (WEIGHT + max(len(fits) - 1, 0))
    return BetweenBrains(mean, spread * (1 + 1 / (len(fits) + 1)), len(fits))


def fit_line(logits: np.ndarray, is_cell: np.ndarray, prior: np.ndarray) -> np.ndarray:
    """Offset and slope (2,) of a brain, held by a prior around 0 of this covariance (2, 2).

    Of its candidates are given the logits (n,) and which are cells (n,).

    Example:
        >>> logits = np.linspace(-3, 3, 200)
        >>> offset, slope = fit_line(logits, logits > 1, np.diag([1.0, 0.25]))
        >>> bool(offset < 0)
        True
    """
    logits, precision = np.asarray(logits, float), np.linalg.inv(prior)
    design = np.stack([np.ones_like(logits), logits], axis=1)
    target = np.asarray(is_cell, float)

    def loss(beta: np.ndarray) -> tuple[float, np.ndarray]:
        log_odds = logits + design @ beta
        value = np.logaddexp(0, log_odds).sum() - target @ log_odds + beta @ precision @ beta / 2
        return float(value), design.T @ (expit(log_odds) - target) + precision @ beta

    return minimize(loss, np.zeros(2), jac=True, method="BFGS").x
