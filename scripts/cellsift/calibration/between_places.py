"""How places of a brain differ in what a score means, by brains whose cells are known."""

from collections.abc import Sequence

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit

from cellsift.calibration.between_brains import OFFSET, SLOPE, WIDER, fit_line

# How regions of a brain differ in the log odds of a cell at equal score, as a standard deviation.
# Parts of train brains hold pieces of several, and differ less: none are taken to be more alike.
# See reports/coverage.md.
SPREAD = 0.8
# That weighs as much as so many places.
WEIGHT = 6.0
# Places that a brain of known cells is divided into, and the fewest candidates of each.
PLACES, LEAST = 8, 30
# Where all or none are cells, an offset could be anything: it is held by a prior so wide.
WIDEST, STEPS = 3.0, 25


def between_places(brains: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> float:
    """The standard deviation of the log odds of a cell at equal score between places of a brain.

    Each of `brains` is the calibrated out-of-fold logits (n,) of its candidates, whether each is a
    cell (n,), and their positions (n, 3). A brain is halved until it has eight parts; by how much
    more their offsets from the brain's own line differ than by chance is estimated by moments
    (Paule and Mandel 1982, J Res Natl Bur Stand 87:377), and held by what is usual, below which it
    does not fall.

    Example:
        >>> random = np.random.default_rng(1)
        >>> logits, positions = random.normal(size=4000), random.random((4000, 3))
        >>> apart = np.where(positions[:, 0] < 0.5, -1.5, 1.5)
        >>> is_cell = random.random(4000) < expit(logits + apart)
        >>> between_places([(logits, is_cell, positions)]) > SPREAD
        True
    """
    fitted = [
        _offsets(logits, is_cell, equal_parts(positions, PLACES))
        for logits, is_cell, positions in brains
        if len(logits) >= PLACES * LEAST
    ]
    places = (PLACES - 1) * len(fitted)
    own = _variance(fitted, places) if fitted else 0.0
    blended = (WEIGHT * SPREAD**2 + places * own) / (WEIGHT + places)
    return float(np.sqrt(max(blended, SPREAD**2)))


def _variance(fitted: Sequence[tuple[np.ndarray, np.ndarray]], places: int) -> float:
    """The variance of offsets at which they differ by as much as expected."""

    def beyond(variance: float) -> float:
        total = -float(places)
        for offsets, chance in fitted:
            weight = 1 / (chance + variance)
            total += float(weight @ (offsets - np.average(offsets, weights=weight)) ** 2)
        return total

    if beyond(0.0) <= 0:
        return 0.0
    return float(brentq(beyond, 0.0, WIDEST**2)) if beyond(WIDEST**2) < 0 else WIDEST**2


def _offsets(
    logits: np.ndarray, is_cell: np.ndarray, part: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """How far the parts of a brain lie from its own line, and the variance of each by chance."""
    offset, slope = fit_line(logits, is_cell, np.diag([OFFSET**2, SLOPE**2]) * WIDER**2)
    line = offset + (1 + slope) * np.asarray(logits, float)
    found = np.zeros(PLACES)
    for _ in range(STEPS):
        p_cell = expit(line + found[part])
        known = np.bincount(part, p_cell * (1 - p_cell), PLACES) + 1 / WIDEST**2
        score = np.bincount(part, np.asarray(is_cell, float) - p_cell, PLACES) - found / WIDEST**2
        found = found + np.clip(score / known, -1, 1)
    return found, 1 / known


def equal_parts(positions: np.ndarray, parts: int) -> np.ndarray:
    """The part (n,) of each position (n, 3), halved across its longest side.

    Until there are `parts`, a power of two.

    Example:
        >>> equal_parts(np.array([[0, 0, 9], [0, 0, 1], [0, 0, 5], [0, 0, 8]]), 2).tolist()
        [1, 0, 0, 1]
    """
    positions = np.asarray(positions, float)
    part = np.zeros(len(positions), int)
    if parts == 1 or len(positions) < 2:
        return part
    longest = np.argmax(np.ptp(positions, axis=0))
    upper = np.argsort(np.argsort(positions[:, longest], kind="stable")) >= len(positions) // 2
    for side, rows in enumerate((~upper, upper)):
        part[rows] = side * (parts // 2) + equal_parts(positions[rows], parts // 2)
    return part
