"""How much narrower a count's interval would be with more labels and more blocks."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cellsift.calibration.log_odds import DRAWS
from cellsift.calibration.score_posterior import (
    BlocksToCome,
    posteriors_to_come,
)
from cellsift.evaluation.counts.blocks import well_within
from cellsift.evaluation.counts.estimate import TAIL, Evidence, cell_draws
from cellsift.evaluation.counts.recall import MarkedBlocks, recall_draws
from cellsift.io.axes import AXES, Size

# More labels and blocks, of which is told what they would buy.
FURTHER, FURTHER_BLOCKS = (0, 50, 100, 200, 400), (0, 3, 6)


@dataclass(frozen=True, eq=False)
class FurtherBlocks:
    """Blocks of a brain that may be drawn to be marked.

    - block_of (n,): the block that each of the brain's candidates lies in;
    - labelled (n,): whether the candidate gets a label with its block, as those at a border do not;
    - share (b,): which share of a draw each block is on average; they add up to 1;
    - cells: how many cells a drawn one holds.
    """

    block_of: np.ndarray
    labelled: np.ndarray
    share: np.ndarray
    cells: float

    @classmethod
    def of_boxes(
        cls,
        boxes: pd.DataFrame,
        block_of: np.ndarray,
        candidates: np.ndarray,
        voxel_size: Size,
        distance_um: float,
        cells: float,
    ) -> "FurtherBlocks":
        """Those of a table z0, y0, x0, z1, y1, x1 (voxels, half-open) and probability.

        `candidates` (n, 3) are z, y, x in voxels; `distance_um` is the matching distance.
        """
        low, high = (boxes[[f"{axis}{end}" for axis in AXES]].to_numpy(float) for end in (0, 1))
        low, high = well_within(low, high, voxel_size, distance_um)
        at = np.asarray(candidates, float)
        inner = ((at >= low[block_of]) & (at < high[block_of])).all(axis=1)
        probability = boxes["probability"].to_numpy(float)
        return cls(block_of, inner, probability / probability.sum(), cells)

    def probability(self, number: int) -> np.ndarray:
        """With which each block is among so many that are drawn, (b,)."""
        return np.minimum(number * self.share, 1)

    def labels(self, number: int, known: Sequence[int]) -> BlocksToCome | None:
        """What gets a label with so many blocks, but for candidates that are `known`."""
        unknown = self.labelled.copy()
        unknown[list(known)] = False
        rows = np.flatnonzero(unknown)
        if not number or not len(rows):
            return None
        return BlocksToCome(rows, self.probability(number)[self.block_of[rows]], number)

    def evenness(self, number: int, p_cell: np.ndarray) -> float:
        """What a cell in so many blocks counts for, 0 to 1, as their weights differ.

        `p_cell` (n,) says where cells are.
        """
        held = np.bincount(self.block_of, p_cell, minlength=len(self.share))
        probability = self.probability(number)
        drawn = float(probability @ held)
        return float(held.sum() ** 2 / (held / probability).sum() / drawn) if drawn else 1.0


def cells_in_further_blocks(blocks: MarkedBlocks, expected: float) -> float:
    """How many cells a further block holds: as those marked do, else as many as are `expected`."""
    marked = float(blocks.cells.mean()) if len(blocks) else 0.0
    return marked or expected


def what_labels_buy(
    evidence: Evidence,
    seed: int,
    further: Sequence[int] = FURTHER,
    further_blocks: Sequence[int] = FURTHER_BLOCKS,
    blocks: FurtherBlocks | None = None,
) -> pd.DataFrame:
    """Return how wide the interval of the whole brain's count would be with more labels.

    Columns: labels, blocks (more of them than there are), width (high less low, as a share of the
    count), for as many as there are candidates to label; more of either never makes it wider, but
    for the chance of draws, which is left out. It supposes that they turn out as what is
    known until now says. Blocks label the candidates in them, and tell of cells that detection
    missed. Without `blocks` that hold any cells nothing is said of them.

    Example:
        >>> from cellsift.calibration.between_brains import BetweenBrains
        >>> logits = np.repeat([-4.0, 4.0], [900, 100])
        >>> known = BetweenBrains(np.zeros(2), np.eye(2) * 0.1, 5)
        >>> evidence = Evidence(logits, logits > 0, known, [(95, 100)] * 5)
        >>> what_labels_buy(evidence, 1, [0, 50])["width"].is_monotonic_decreasing
        True
    """
    inside, known = np.ones(len(evidence.logits), bool), evidence.labelled
    recalls = _recalls(evidence, blocks, further_blocks, seed)
    to_come = {n: blocks.labels(n, list(known)) if blocks else None for n in recalls}
    unlabelled = len(inside) - len(known)
    plans = [(more, number) for more in further if more <= unlabelled for number in recalls]
    posteriors = posteriors_to_come(
        *(evidence.logits, evidence.labels, evidence.between, seed),
        [(more, to_come[number]) for more, number in plans],
        evidence.between_places,
    )
    rows = []
    for (more, number), posterior in zip(plans, posteriors, strict=True):
        random = np.random.default_rng(seed)
        drawn = cell_draws(posterior, known, inside, recalls[number], random)[:, 1]
        low, middle, high = np.quantile(drawn, [TAIL, 0.5, 1 - TAIL])
        width = (high - low) / max(float(middle), 1.0)
        rows.append({"labels": more, "blocks": number, "width": width})
    table = pd.DataFrame(rows)
    by = table.pivot(index="labels", columns="blocks", values="width").cummin().cummin(axis=1)
    return table.assign(width=[by.at[row.labels, row.blocks] for row in table.itertuples()])


def _recalls(
    evidence: Evidence, further: FurtherBlocks | None, numbers: Sequence[int], seed: int
) -> dict[int, np.ndarray]:
    """Draws of the recall of detection with so many further blocks each."""
    now = recall_draws(evidence.train_recall, evidence.blocks, DRAWS, seed + 1)
    if further is None or not further.cells:
        return {0: now}
    posterior = evidence.posterior(seed)
    p_cell = posterior.shares.mean(axis=0)[posterior.class_of]
    found = {}
    for number in numbers:
        cells = further.cells * (further.evenness(number, p_cell) if number else 1)
        blocks = evidence.blocks.and_further(number, cells, float(now.mean()))
        found[number] = recall_draws(evidence.train_recall, blocks, DRAWS, seed + 1)
    return found
