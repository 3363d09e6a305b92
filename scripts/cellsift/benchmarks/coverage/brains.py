"""Made-up brains of which only scores and truth are drawn: what a count has to deal with."""

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import expit, logit
from scipy.stats import norm

TRAIN_CANDIDATES = 1500
# Blocks of tissue that a brain is divided into.
BLOCKS = 60
# Blocks that make up a region of it.
BLOCKS_OF_REGION = 10
# How unlike each other the densities of blocks are: the shape of a gamma distribution.
DENSITY = 2.0


@dataclass(frozen=True)
class Kind:
    """A kind of brain: what it has on average, and by how much brains of the kind differ.

    - prevalence: share of the candidates that are cells; it differs with a standard deviation of
      `prevalence_spread` log odds, which the scores know nothing of;
    - area: under the ROC curve of the scores within a brain;
    - shape: of the scores, "normal"; "tails", of a t distribution with 4 degrees of freedom; or
      "faint", where 15% of the cells are scored as hardly brighter than artefacts;
    - offset, slope: how much the scale of scores differs, as standard deviations;
    - recall: of detection, and how much it differs between brains and blocks (log odds);
    - places: how much the odds of a cell at equal score differ between blocks (log odds);
    - regions: how much those differ between regions, as cells are denser in some (log odds).
    """

    name: str
    prevalence: float
    area: float
    recall: float
    shape: str = "normal"
    candidates: int = 4000
    train: int = 3
    prevalence_spread: float = 0.8
    offset: float = 0.5
    slope: float = 0.15
    recall_spread: float = 0.5
    recall_places: float = 0.3
    places: float = 0.4
    regions: float = 0.0


KINDS = (
    Kind("many cells, good scores", 0.30, 0.95, 0.90),
    Kind("fewer, better scores with tails", 0.15, 0.97, 0.95, "tails"),
    Kind("rare cells, some of them faint", 0.08, 0.90, 0.75, "faint"),
    Kind("rare cells, poor scores", 0.05, 0.85, 0.85),
    Kind("many candidates, two train brains", 0.20, 0.95, 0.90, candidates=40_000, train=2),
)


# Of these cells are counted by region.
WITH_REGIONS = tuple(
    replace(kind, name=f"{kind.name}; regions differ", regions=0.8) for kind in KINDS[:3]
)


@dataclass(frozen=True, eq=False)
class ScoredBrain:
    """logits (n,), is_cell (n,), block (n,) of the candidates; missed (b,) cells of each block."""

    logits: np.ndarray
    is_cell: np.ndarray
    block: np.ndarray
    missed: np.ndarray

    @property
    def cells(self) -> int:
        """All of them, those that detection missed included."""
        return int(self.is_cell.sum() + self.missed.sum())

    @property
    def region(self) -> np.ndarray:
        """The region (n,) of each candidate."""
        return self.block // BLOCKS_OF_REGION

    @property
    def cells_of_regions(self) -> np.ndarray:
        """Cells (regions,) of each region, those that detection missed included."""
        return (self.found + self.missed).reshape(-1, BLOCKS_OF_REGION).sum(axis=1)

    @property
    def positions(self) -> np.ndarray:
        """Where the candidates lie (n, 3): the blocks are in a row."""
        return np.stack([self.block, *np.zeros((2, len(self.block)))], axis=1)

    @property
    def found(self) -> np.ndarray:
        """Cells (b,) of each block that have a candidate."""
        return np.bincount(self.block, self.is_cell, minlength=len(self.missed))


def draw_brain(kind: Kind, candidates: int, random: np.random.Generator) -> ScoredBrain:
    """A brain of this kind; its scores are not calibrated."""
    prevalence = expit(logit(kind.prevalence) + random.normal(0, kind.prevalence_spread))
    is_cell = random.random(candidates) < prevalence
    apart = np.sqrt(2) * norm.ppf(kind.area)
    logits = apart * (_scores(kind.shape, is_cell, apart, random) - apart / 2)
    density = random.gamma(DENSITY, 1, BLOCKS)
    block = random.choice(BLOCKS, candidates, p=density / density.sum())
    if kind.regions:
        denser = np.exp(random.normal(0, kind.regions, BLOCKS // BLOCKS_OF_REGION))
        of_cells = density * np.repeat(denser, BLOCKS_OF_REGION)
        block[is_cell] = random.choice(BLOCKS, is_cell.sum(), p=of_cells / of_cells.sum())
    logits -= random.normal(0, kind.places, BLOCKS)[block]
    logits = (logits + logit(kind.prevalence) - random.normal(0, kind.offset)) / (
        1 + random.normal(0, kind.slope)
    )
    recall = logit(kind.recall) + random.normal(0, kind.recall_spread)
    recall = expit(recall + random.normal(0, kind.recall_places, BLOCKS))
    found = np.bincount(block, is_cell, minlength=BLOCKS)
    return ScoredBrain(logits, is_cell, block, random.poisson(found * (1 - recall) / recall))


def _scores(
    shape: str, is_cell: np.ndarray, apart: float, random: np.random.Generator
) -> np.ndarray:
    if shape == "tails":
        return apart * is_cell + random.standard_t(4, len(is_cell)) / np.sqrt(2)
    faint = (random.random(len(is_cell)) < 0.15) if shape == "faint" else 0
    return random.normal(apart * is_cell * (1 - 0.7 * faint), 1)
