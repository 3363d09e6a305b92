"""How many annotated cells candidates reach, and how many candidates that takes, by contrast."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.spatial import KDTree

from cellsift.labels.matching import match

# A share of a number of cells is that number of cells, whatever the rounding.
ROUNDING = 1e-12


@dataclass(frozen=True, eq=False)
class Piece:
    """Candidates and annotated cells of one volume, or of a part of it; positions z, y, x, voxels.

    - positions (n, 3) and contrasts (n,) of candidates;
    - annotated (m, 3): cells;
    - counted (n,) and counted_annotated (m,), booleans: what lies far enough from the border of a
      part. The others are matched, too, but not counted. None: all count.
    """

    positions: np.ndarray
    contrasts: np.ndarray
    annotated: np.ndarray
    counted: np.ndarray | None = None
    counted_annotated: np.ndarray | None = None

    def reached(self, threshold: float, voxel_size: Sequence[float], distance_um: float) -> int:
        """How many of the annotated cells that count have a candidate of this contrast or more."""
        kept = self.positions[self.contrasts >= threshold]
        size = (voxel_size[0], voxel_size[1], voxel_size[2])
        cells = match(kept, self.annotated, size, distance_um)[:, 1]
        return (
            len(cells)
            if self.counted_annotated is None
            else int(self.counted_annotated[cells].sum())
        )

    def beside(self, threshold: float, voxel_size: Sequence[float], distance_um: float) -> int:
        """How many of the candidates that count, of this contrast or more, lie at a cell.

        At one or at several of them: those that reach one, and those beside these.
        """
        if not len(self.annotated):
            return 0
        kept = self.contrasts >= threshold
        if self.counted is not None:
            kept &= self.counted
        away, _ = KDTree(self.annotated * np.asarray(voxel_size, float)).query(
            self.positions[kept] * np.asarray(voxel_size, float)
        )
        return int((away <= distance_um).sum())

    @property
    def contrasts_counted(self) -> np.ndarray:
        return self.contrasts if self.counted is None else self.contrasts[self.counted]

    @property
    def annotated_counted(self) -> int:
        mask = self.counted_annotated
        return len(self.annotated) if mask is None else int(mask.sum())


@dataclass(frozen=True, eq=False)
class RecallCurve:
    """Recall against candidates for each annotated cell as the threshold on contrast falls.

    A candidate is kept if its contrast is at least the threshold; an annotated cell is reached if
    it is matched one to one within `distance_um`. Where only some of a brain's cells are annotated
    (`partial`), candidates for each of them mean nothing.

    Example:
        >>> at = np.array([[5.0, 5, 5], [5, 5, 20], [5, 20, 5]])
        >>> piece = Piece(at, np.array([0.9, 0.5, 0.1]), annotated=at[:2])
        >>> curve = RecallCurve([piece], (1, 1, 1), distance_um=2)
        >>> curve.highest_threshold(recall=1.0), curve.at(0.5)["recall"]
        (0.5, 1.0)
    """

    pieces: Sequence[Piece]
    voxel_size: Sequence[float]
    distance_um: float
    partial: bool = False

    @cached_property
    def contrasts(self) -> np.ndarray:
        """Of all candidates that count, falling."""
        return np.sort(np.concatenate([piece.contrasts_counted for piece in self.pieces]))[::-1]

    @property
    def annotated(self) -> int:
        return sum(piece.annotated_counted for piece in self.pieces)

    def reached(self, threshold: float) -> int:
        """How many annotated cells are reached."""
        return sum(p.reached(threshold, self.voxel_size, self.distance_um) for p in self.pieces)

    def highest_threshold(self, recall: float) -> float | None:
        """The highest contrast with which the recall is reached; None if no contrast does it."""
        needed = recall * self.annotated * (1 - ROUNDING)
        values = self.contrasts
        if not len(values) or self.reached(values[-1]) < needed:
            return None
        low, high = 0, len(values)
        # More candidates never reach fewer cells, so the smallest number can be bisected.
        while high - low > 1:
            middle = (low + high) // 2
            enough = self.reached(values[middle - 1]) >= needed
            low, high = (low, middle) if enough else (middle, high)
        return float(values[high - 1])

    def lowest_threshold(self, candidates_per_cell: float) -> float:
        """The lowest contrast with which no more candidates are kept than allowed."""
        values = self.contrasts
        allowed = int(candidates_per_cell * self.annotated * (1 + ROUNDING))
        if allowed < len(values):
            # Candidates of equal contrast are kept or dropped together.
            allowed = int((values > values[allowed]).sum())
            return float(values[allowed - 1]) if allowed else math.inf
        return float(values[-1]) if len(values) else -math.inf

    def at(self, threshold: float) -> dict:
        """What a threshold gives, JSON-ready: annotated, reached, recall, candidates and so on.

        `doubles` are candidates at a cell that another candidate reaches already.
        """
        count, annotated = int((self.contrasts >= threshold).sum()), self.annotated
        reached = self.reached(threshold)
        beside = sum(p.beside(threshold, self.voxel_size, self.distance_um) for p in self.pieces)
        return {
            "annotated": annotated,
            "reached": reached,
            "recall": reached / annotated,
            "candidates": count,
            "candidates_per_cell": None if self.partial else count / annotated,
            "doubles": max(beside - reached, 0),
        }
