"""Which candidates of a brain are most worth a person's look, and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cellsift.annotation.drawing import draw_candidates, number_at_random
from cellsift.annotation.names import DISAGREEMENT, DOUBTFUL, RANDOM, SUSPECT, VARIETY
from cellsift.io.axes import AXES
from cellsift.io.names import CELL, NO_CELL

TINY = 1e-12
# A robust standard deviation is that many median absolute deviations; beyond so many of them a
# candidate is not any odder.
TO_DEVIATION, FARTHEST = 1.4826, 5.0


@dataclass(frozen=True)
class Scored:
    """The candidates of a brain, row i in all of its parts.

    `positions` (n, 3) are z, y, x in voxels, `p_cell` has a column for each arm, `thresholds` are
    the p_cell from which each of them calls a cell, `features` (n, k) are numbers of what a
    candidate looks like, nan for those that were not looked at, `labels` (n,), of an annotated
    brain, cell, no_cell or ambiguous.
    """

    positions: np.ndarray
    p_cell: pd.DataFrame
    thresholds: Mapping[str, float]
    features: np.ndarray
    labels: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.positions)

    @property
    def mean(self) -> np.ndarray:
        """The mean of p_cell over the arms, (n,)."""
        return self.p_cell.to_numpy(float).mean(axis=1)


def suggest(
    scored: Scored,
    known: np.ndarray,
    number: int,
    random_share: float,
    seed: int | Sequence[int],
) -> pd.DataFrame:
    """Choose candidates to label: first those drawn at random, then what the arms find hard.

    Of the others, each kind has the same number, as far as it goes: those nearest to the arms'
    thresholds (doubtful), those that the arms judge most differently (disagreement), those whose
    annotation the arms contradict (suspect, in annotated brains), and those that look least like
    all that are labelled or suggested already (variety), which also gets what is left.

    Args:
        scored: the candidates.
        known: (n,) bool, those that people have labelled already; they are left out.
        number: of suggestions; fewer where there are no more candidates.
        random_share: the share that is drawn at random; all are where they are few.
        seed: of the draw.

    Returns a table suggestion (from 1), candidate (row), z, y, x, why, probability (nan unless
    random).
    """
    left = np.flatnonzero(~known)
    at_random = number if number >= len(left) else number_at_random(number, random_share)
    drawn, probability = draw_candidates(scored.mean[left], at_random, seed)
    parts = [(RANDOM, left[drawn])]
    taken = known.copy()
    taken[left[drawn]] = True
    others = min(number, len(left)) - len(drawn)
    kinds = [DOUBTFUL, *([DISAGREEMENT] if scored.p_cell.shape[1] > 1 else [])]
    kinds += [SUSPECT] if scored.labels is not None else []
    for kind in kinds:
        rows = _most(scored, kind, taken, others // (len(kinds) + 1))
        taken[rows] = True
        parts.append((kind, rows))
    rest = others - sum(len(rows) for _, rows in parts[1:])
    parts.insert(-1 if SUSPECT in kinds else len(parts), (VARIETY, _varied(scored, taken, rest)))
    return _table(scored, parts, probability)


def _table(
    scored: Scored, parts: Sequence[tuple[str, np.ndarray]], probability: np.ndarray
) -> pd.DataFrame:
    rows = np.concatenate([rows for _, rows in parts]).astype(int)
    table = pd.DataFrame(scored.positions[rows].reshape(-1, 3), columns=AXES)
    table.insert(0, "suggestion", np.arange(1, len(rows) + 1))
    table.insert(1, "candidate", rows)
    table["why"] = [why for why, of_kind in parts for _ in of_kind]
    table["probability"] = np.nan
    table.loc[: len(probability) - 1, "probability"] = probability
    return table


def _most(scored: Scored, kind: str, taken: np.ndarray, number: int) -> np.ndarray:
    """The rows of those that are most of a kind, the most first; fewer where there are no more."""
    measure = {DOUBTFUL: _doubt, DISAGREEMENT: _disagreement, SUSPECT: _suspicion}[kind](scored)
    measure = np.where(taken, -np.inf, measure)
    order = np.argsort(-measure, kind="stable")[:number]
    return order[measure[order] > -np.inf]


def _doubt(scored: Scored) -> np.ndarray:
    """How near p_cell is to the threshold, on average over the arms; at most 0."""
    away = [np.abs(scored.p_cell[arm] - scored.thresholds[arm]) for arm in scored.p_cell]
    return -np.mean(np.array(away).reshape(len(away), len(scored)), axis=0)


def _disagreement(scored: Scored) -> np.ndarray:
    """What a label would tell of which arm is right, in nats.

    The entropy of the mean of p_cell less the mean of the arms' own entropies (Houlsby and others
    2011, arXiv 1112.5745). None where the arms agree.
    """
    own = _entropy(scored.p_cell.to_numpy(float)).mean(axis=1)
    gain = _entropy(scored.mean) - own
    return np.where(gain > TINY, gain, -np.inf)


def _entropy(p: np.ndarray) -> np.ndarray:
    p = np.clip(p, TINY, 1 - TINY)
    return -(p * np.log(p) + (1 - p) * np.log(1 - p))


def _suspicion(scored: Scored) -> np.ndarray:
    """How surely the arms contradict the annotation; none where they are not sure enough.

    Sure enough is the mean of p_cell over annotated cells to call a cell, and likewise for no cell
    (confident learning: Northcutt, Jiang and Chuang 2021, arXiv 1911.00068).
    """
    labels, p_cell = np.asarray(scored.labels), scored.mean
    suspicion = np.full(len(p_cell), -np.inf)
    for label, other, p_other in ((NO_CELL, CELL, p_cell), (CELL, NO_CELL, 1 - p_cell)):
        enough = p_other[labels == other].mean() if (labels == other).any() else np.inf
        sure = (labels == label) & (p_other >= max(enough, 0.5))
        suspicion[sure] = p_other[sure]
    return suspicion


def _varied(scored: Scored, taken: np.ndarray, number: int) -> np.ndarray:
    """Rows that lie farthest from all that is taken, one after the other, in the space of features.

    The greedy choice of centres (Gonzalez 1985), known for choosing what to label as core-set
    (Sener and Savarese 2018, arXiv 1708.00489). A feature counts in spreads of all candidates
    around their median, and five of them at most, so that no single number decides.
    """
    seen = ~np.isnan(scored.features).all(axis=1)
    if number <= 0 or not seen.any():
        return np.empty(0, int)
    places = _standardised(scored.features)
    distance = np.full(len(places), np.inf)
    for row in np.flatnonzero(taken & seen).tolist():
        distance = np.minimum(distance, np.square(places - places[row]).sum(axis=1))
    chosen: list[int] = []
    free = ~taken & seen
    for _ in range(min(number, int(free.sum()))):
        row = int(np.argmax(np.where(free, distance, -1.0)))
        chosen.append(row)
        free[row] = False
        distance = np.minimum(distance, np.square(places - places[row]).sum(axis=1))
    return np.array(chosen, int)


def _standardised(features: np.ndarray) -> np.ndarray:
    """Features in robust standard deviations from their median, 0 where one is not known."""
    away = features - np.nanmedian(features, axis=0)
    spread = TO_DEVIATION * np.nanmedian(np.abs(away), axis=0)
    return np.nan_to_num(np.clip(away / np.where(spread > 0, spread, 1), -FARTHEST, FARTHEST))
