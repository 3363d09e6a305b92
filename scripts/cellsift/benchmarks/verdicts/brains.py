"""Made-up test brains, scored by arms that are alike but for chance, or of which one is better."""

from dataclasses import dataclass

import numpy as np

CANDIDATES = 400
BLOCKS = 40
SHARE_OF_CELLS = 0.3
# Logits by which cells lie above other candidates.
APART = 2.5
# Standard deviations of logits: what brains and blocks have of their own for all arms, what they
# have of their own for each arm, and what each candidate has.
OF_BRAIN, OF_BLOCK = 0.5, 0.5
OF_ARM_IN_BRAIN, OF_ARM_IN_BLOCK = 0.4, 0.5
OF_CANDIDATE = 0.6


@dataclass(frozen=True)
class ScoredBrains:
    """Candidates of some brains: whether each is a cell, its scores, its brain and its block."""

    is_cell: np.ndarray
    scores: dict[str, np.ndarray]
    brain: np.ndarray
    block: np.ndarray

    def of(self, brain: str) -> "ScoredBrains":
        """The candidates of one brain."""
        inside = self.brain == brain
        scores = {arm: score[inside] for arm, score in self.scores.items()}
        return ScoredBrains(self.is_cell[inside], scores, self.brain[inside], self.block[inside])


def draw_brains(
    brains: int, arms: int, random: np.random.Generator, better: float = 0.0
) -> ScoredBrains:
    """Brains that differ, in blocks that differ, with scores that hang together in both.

    In each brain and block one arm may do better than another by chance; over all brains that there
    could be they are alike, but for the first, whose cells lie `better` logits farther apart.

    Example:
        draw_brains(6, 4, np.random.default_rng(1)).scores["arm 1"]
    """
    number = np.repeat(np.arange(brains), CANDIDATES)
    block = number * BLOCKS + random.integers(0, BLOCKS, len(number))
    is_cell = random.random(len(number)) < SHARE_OF_CELLS
    shared = (
        random.normal(0, OF_BRAIN, brains)[number]
        + random.normal(0, OF_BLOCK, brains * BLOCKS)[block]
        + random.normal(0, 1, len(number))
    )
    scores = {}
    for arm in range(arms):
        apart = APART + (better if arm == 0 else 0) + random.normal(0, OF_ARM_IN_BRAIN, brains)
        own = random.normal(0, OF_ARM_IN_BLOCK, brains * BLOCKS)[block]
        noise = random.normal(0, OF_CANDIDATE, len(number))
        scores[f"arm {arm + 1}"] = shared + own + noise + apart[number] * (is_cell - 0.5)
    return ScoredBrains(is_cell, scores, np.array([f"brain {n + 1}" for n in number]), block)
