"""Which share of a brain's cells has a candidate, by the train brains and by blocks of tissue."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit

# How brains of another cohort differ in the log odds of a cell to be found, as a standard
# deviation; it weighs as much as the spread of that many brains. See reports/coverage.md.
DIFFERENCE, WEIGHT = 0.7, 4.0
# Blocks of a brain differ by more than chance: the variance of what is found in them, over that of
# a binomial, as if so many blocks had shown it.
OVERDISPERSION, BLOCKS = 1.5, 3.0
# How places of a brain differ in those log odds, as a standard deviation.
PLACES = 0.5
HALF = 0.5
# Log odds around the prior's mean, in its standard deviations.
REACH, STEPS = 6.0, 601


@dataclass(frozen=True, eq=False)
class MarkedBlocks:
    """Blocks of tissue in which every cell was marked.

    cells (b,) in each; found (b,): those of them that have a candidate; weight (b,): one over the
    probability with which each was drawn, or in proportion to it.
    """

    cells: np.ndarray
    found: np.ndarray
    weight: np.ndarray

    def __len__(self) -> int:
        return len(self.cells)

    def and_further(self, number: int, cells: float, share: float) -> "MarkedBlocks":
        """With so many more, each of so many cells of which that share is found."""
        typical = float(np.mean(self.weight)) if len(self) else 1.0
        more = np.full(number, cells)
        return MarkedBlocks(
            np.append(self.cells, more),
            np.append(self.found, more * share),
            np.append(self.weight, np.full(number, typical)),
        )

    @classmethod
    def none(cls) -> "MarkedBlocks":
        return cls(np.zeros(0), np.zeros(0), np.zeros(0))


def recall_draws(
    train: Sequence[tuple[int, int]], blocks: MarkedBlocks, draws: int, seed: int
) -> np.ndarray:
    """Draws (draws,) of the share of a brain's cells that have a candidate.

    `train` are of each train brain the annotated cells that have a candidate, and all of them. The
    log odds in a further brain are normal around their mean; what the blocks show is binomial, with
    weights by how it was drawn, and divided by what blocks differ beyond chance.

    Example:
        >>> none = MarkedBlocks.none()
        >>> float(np.median(recall_draws([(95, 100), (90, 100)], none, 2000, 1))) > 0.85
        True
    """
    mean, deviation = _prior(train)
    log_odds = mean + deviation * np.linspace(-REACH, REACH, STEPS)
    posterior = -(((log_odds - mean) / deviation) ** 2) / 2
    if len(blocks) and blocks.cells.sum():
        cells, found = _weighted(blocks)
        posterior += found * log_odds - cells * np.logaddexp(0, log_odds)
    weight = np.exp(posterior - posterior.max())
    reached = np.cumsum(weight) / weight.sum()
    drawn = np.random.default_rng(seed).random(draws)
    return expit(np.interp(drawn, reached, log_odds))


def recall_somewhere(recall: np.ndarray, share: float, random: np.random.Generator) -> np.ndarray:
    """Draws (draws,) of that share in a place of the brain, by those of the whole brain (draws,).

    `share` of the brain's candidates lie there: the more, the less the place differs from it.

    Example:
        >>> somewhere = recall_somewhere(np.full(2000, 0.9), 0.1, np.random.default_rng(1))
        >>> bool(0.85 < np.median(somewhere) < 0.95), bool(somewhere.std() > 0.02)
        (True, True)
    """
    return expit(logit(recall) + random.normal(0, PLACES * np.sqrt(1 - share), len(recall)))


def _prior(train: Sequence[tuple[int, int]]) -> tuple[float, float]:
    """Mean and standard deviation of the log odds in a further brain."""
    seen = [logit((found + HALF) / (cells + 2 * HALF)) for found, cells in train if cells]
    if not seen:
        # Nothing is known: any share is about as likely.
        return 1.0, 1.5
    mean = float(np.mean(seen))
    own = float(np.square(np.asarray(seen) - mean).sum())
    spread = (WEIGHT * DIFFERENCE**2 + own) / (WEIGHT + len(seen) - 1)
    return mean, float(np.sqrt(spread * (1 + 1 / len(seen))))


def _weighted(blocks: MarkedBlocks) -> tuple[float, float]:
    """Cells and found ones, as many as binomial draws would have to be to say the same."""
    weight = np.asarray(blocks.weight, float)
    cells, found = np.asarray(blocks.cells, float), np.asarray(blocks.found, float)
    total = (weight * cells).sum()
    share = float((weight * found).sum() / total)
    # Of weights, only how much they differ counts.
    number = total**2 / (weight**2 * cells).sum() / _overdispersion(cells, found, share)
    return number, number * share


def _overdispersion(cells: np.ndarray, found: np.ndarray, share: float) -> float:
    """By how much blocks differ beyond chance, at least not at all."""
    held = min(max(share, 0.02), 0.98)
    some = cells > 0
    own = ((found[some] - cells[some] * share) ** 2 / (cells[some] * held * (1 - held))).sum()
    return max(1.0, (BLOCKS * OVERDISPERSION + own) / (BLOCKS + max(some.sum() - 1, 0)))
