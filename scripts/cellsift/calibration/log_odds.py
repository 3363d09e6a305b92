"""The posterior of log odds with a normal prior, by labels of which so many are cells."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import block_diag
from scipy.special import expit

DRAWS = 4000
# Proposals have tails of a t distribution, so that skewed posteriors are within their reach.
FREEDOM = 6.0
STEPS, STEP, TINY = 100, 2.0, 1e-9


@dataclass(frozen=True, eq=False)
class LogOdds:
    """Normal unknowns u (k,) with mean and covariance; of `number` (m,) labels `cells` (m,) are.

    The log odds of each of the m are design (m, k) @ u. The first of u are those of the classes; if
    a place of the brain is asked for, its offset follows.
    """

    mean: np.ndarray
    covariance: np.ndarray
    design: np.ndarray
    number: np.ndarray
    cells: np.ndarray

    def with_unknown(self, variance: float) -> "LogOdds":
        """With one more of them, around 0, that nothing has been seen of."""
        return replace(
            self,
            mean=np.append(self.mean, 0.0),
            covariance=block_diag(self.covariance, variance),
            design=np.pad(self.design, ((0, 0), (0, 1))),
        )

    def seen(
        self, number: np.ndarray, cells: np.ndarray, variance: float, inside: bool = False
    ) -> "LogOdds":
        """With labels by class, (classes,) each, with an unknown offset of this variance, if any.

        inside: they lie in the place whose offset follows the classes.
        """
        model = self.with_unknown(variance) if variance else self
        own = np.eye(len(number), len(model.mean))
        if inside:
            own[:, len(number)] = 1.0
        if variance:
            own[:, -1] = 1.0
        return replace(
            model,
            design=np.concatenate([model.design, own]),
            number=np.concatenate([model.number, number]),
            cells=np.concatenate([model.cells, cells]),
        )

    def shares(self, classes: int, seed: int | Sequence[int], of_place: bool = False) -> np.ndarray:
        """Draws (DRAWS, classes) of the share of cells in each class, of the place if asked for."""
        found = self.sample(seed)
        offset = found[:, classes, None] if of_place else 0.0
        return expit(found[:, :classes] + offset)

    def sample(self, seed: int | Sequence[int]) -> np.ndarray:
        """Draws (DRAWS, k) of the unknowns, by importance around the mode."""
        random = np.random.default_rng(seed)
        precision = np.linalg.inv(self.covariance)
        mode, spread = self._mode(precision)
        normal = random.standard_normal((DRAWS, len(mode)))
        scale = random.chisquare(FREEDOM, DRAWS) / FREEDOM
        found = mode + normal @ np.linalg.cholesky(spread).T / np.sqrt(scale)[:, None]
        away, log_odds = found - self.mean, found @ self.design.T
        posterior = (self.cells * log_odds - self.number * np.logaddexp(0, log_odds)).sum(axis=1)
        posterior -= ((away @ precision) * away).sum(axis=1) / 2
        distance = (normal**2).sum(axis=1) / scale / FREEDOM
        weight = posterior + (FREEDOM + len(mode)) / 2 * np.log1p(distance)
        weight = np.exp(weight - weight.max())
        # Systematically, which adds the least chance.
        places = (random.random() + np.arange(DRAWS)) / DRAWS
        reached = np.cumsum(weight) / weight.sum()
        return found[np.minimum(np.searchsorted(reached, places), DRAWS - 1)]

    def _mode(self, precision: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The likeliest unknowns, by Newton's method, and the inverse of the curvature there."""
        found = self.mean.copy()
        for _ in range(STEPS):
            share, curvature = self._curvature(found, precision)
            slope = self.design.T @ (self.cells - self.number * share)
            slope -= precision @ (found - self.mean)
            step = np.clip(np.linalg.solve(curvature, slope), -STEP, STEP)
            found = found + step
            if np.abs(step).max() < TINY:
                break
        return found, np.linalg.inv(self._curvature(found, precision)[1])

    def _curvature(self, found: np.ndarray, precision: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        share = expit(self.design @ found)
        information = self.number * share * (1 - share)
        return share, precision + (self.design.T * information) @ self.design
