"""Random draws of candidates and of blocks of tissue, each with a known probability.

Both are drawn systematically with unequal probabilities (Särndal, Swensson and Wretman, Model
Assisted Survey Sampling, 1992, section 3.6.2): what is to be drawn from stands in a line, each with
as much room as its inclusion probability, and a comb whose teeth are 1 apart is laid on it at a
random place. So the probability of each is exact, and the sample is spread along the line.
"""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from cellsift.io.axes import AXES, Shape, Size

# A candidate of which all arms are sure has this much doubt all the same.
LEAST_DOUBT = 0.05
# Share of the draw of blocks that does not look at where cells are expected.
UNIFORM_BLOCKS = 0.5
CORNERS = [f"{axis}0" for axis in AXES] + [f"{axis}1" for axis in AXES]


def draw_candidates(
    p_cell: np.ndarray, number: int, seed: int | Sequence[int], uniform_share: float = 0.3
) -> tuple[np.ndarray, np.ndarray]:
    """Draw candidates at random, those that the arms doubt more often, and none never.

    The probability of candidate i to be drawn is number * (u / N + (1 - u) * s_i / sum(s)), at
    most 1, where u is `uniform_share` and s = sqrt(p (1 - p)), the standard deviation of its label
    if p_cell is right: what makes the estimate of a total least uncertain (Zrnic and Candès, Active
    Statistical Inference, 2024, arXiv 2403.03208). The uniform part keeps weights bounded where
    p_cell is wrong. The line of the systematic draw is ordered by p_cell, ties in random order.

    With labels y of those drawn, sum(y / probability) is an unbiased estimate of the number of
    cells among all candidates, whatever the arms think of them. Candidates drawn in an earlier
    round are left out by the caller; `rounds.combined_weights` says how rounds are put together.

    Args:
        p_cell: (n,) the mean of p_cell over the arms.
        number: how many are drawn; all where there are no more.
        seed: of the draw.
        uniform_share: the share of the draw that does not look at p_cell, 0 to 1.

    Returns the rows of those drawn, (k,) int64, in random order, so that the first few of them are
    a random part of the draw, and the probability of each, (k,) float64.

    Example:
        rows, probability = draw_candidates(np.array([0.1, 0.5, 0.9, 0.5]), number=2, seed=1)
    """
    p_cell, random = np.asarray(p_cell, float), np.random.default_rng(seed)
    doubt = np.maximum(np.sqrt(np.clip(p_cell * (1 - p_cell), 0, None)), LEAST_DOUBT)
    probability = inclusion_probabilities(doubt, number, uniform_share)
    line = np.lexsort((random.random(len(p_cell)), p_cell))
    rows = random.permutation(line[systematic_draw(probability[line], random)])
    return rows, probability[rows]


def draw_blocks(
    volume_shape: Shape,
    voxel_size: Size,
    candidates: np.ndarray,
    p_cell: np.ndarray,
    number: int,
    side_um: float,
    seed: int | Sequence[int],
    tissue: np.ndarray | None = None,
    done: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Draw blocks of a volume at random, those in which more cells are expected more often.

    The volume is divided without rest into boxes (`boxes_of`). The probability of a box is an equal
    mix of the same for all and one proportional to the sum of p_cell in it, at most 1. The line of
    the systematic draw follows the boxes in z, y, x, so that the sample is spread over the brain.

    Args:
        volume_shape, voxel_size: of the signal, z, y, x, in voxels and µm.
        candidates: (n, 3) z, y, x in voxels.
        p_cell: (n,) the mean of p_cell over the arms.
        number: how many blocks are drawn.
        side_um: about how long the side of a box is.
        seed: of the draw.
        tissue: (boxes,) which boxes may hold tissue; boxes with candidates always may.
        done: boxes, columns z0 to x1, that were annotated already and are left out.

    Returns a table block (from 1), z0, y0, x0, z1, y1, x1 (voxels, half-open), probability, and
    population (how many boxes were drawn from), in random order.

    Example:
        blocks = draw_blocks((60, 400, 400), (5, 2, 2), points, p_cell, 3, side_um=150, seed=1)
    """
    random = np.random.default_rng(seed)
    boxes = boxes_of(volume_shape, voxel_size, side_um)
    expected = cells_in_boxes(boxes, candidates, p_cell)
    holding = cells_in_boxes(boxes, candidates, np.ones(len(p_cell))) > 0
    eligible = holding if tissue is None else holding | np.asarray(tissue, bool)
    if tissue is None:
        eligible[:] = True
    if done is not None and len(done):
        eligible &= ~boxes[CORNERS].apply(tuple, axis=1).isin(done[CORNERS].apply(tuple, axis=1))
    boxes, expected = boxes[eligible], expected[eligible]
    probability = inclusion_probabilities(expected, number, UNIFORM_BLOCKS)
    chosen = random.permutation(systematic_draw(probability, random))
    drawn = boxes.iloc[chosen].assign(probability=probability[chosen], population=len(boxes))
    drawn = drawn.reset_index(drop=True)
    drawn.insert(0, "block", np.arange(1, len(drawn) + 1))
    return drawn


def blocks_to_draw(
    volume_shape: Shape,
    voxel_size: Size,
    candidates: np.ndarray,
    p_cell: np.ndarray,
    number: int,
    side_um: float,
) -> tuple[pd.DataFrame, np.ndarray]:
    """The blocks of which a draw will be, before it is made, with the probability of each.

    The arguments are those of `draw_blocks`; boxes without a candidate count as beside the tissue.

    Returns a table z0, y0, x0, z1, y1, x1 (voxels, half-open), probability; and (n,) the row in it
    of the box that each candidate lies in.

    Example:
        >>> points = np.array([[5, 10, 10], [5, 12, 12], [5, 90, 90]])
        >>> boxes, at = blocks_to_draw((10, 100, 100), (1, 1, 1), points, np.ones(3), 2, side_um=50)
        >>> boxes["probability"].tolist(), at.tolist()
        ([1.0, 1.0], [0, 0, 1])
    """
    boxes = boxes_of(volume_shape, voxel_size, side_um)
    held, at = np.unique(_box_of(boxes, candidates), return_inverse=True)
    expected = np.bincount(at, p_cell, minlength=len(held))
    probability = inclusion_probabilities(expected, number, UNIFORM_BLOCKS)
    return boxes.iloc[held].assign(probability=probability).reset_index(drop=True), at


def boxes_of(volume_shape: Shape, voxel_size: Size, side_um: float) -> pd.DataFrame:
    """The boxes that a volume is divided into, about `side_um` long: z0, y0, x0, z1, y1, x1.

    In voxels, half-open, in the order of z, y, x. Along an axis all are of the same length, but for
    a voxel; a volume that is less deep than one and a half sides is as deep as a box.
    """
    edges = [
        np.rint(np.linspace(0, n, max(1, round(n * step / side_um)) + 1)).astype(int)
        for n, step in zip(volume_shape, voxel_size, strict=True)
    ]
    starts = np.stack(np.meshgrid(*(e[:-1] for e in edges), indexing="ij"), -1).reshape(-1, 3)
    stops = np.stack(np.meshgrid(*(e[1:] for e in edges), indexing="ij"), -1).reshape(-1, 3)
    return pd.DataFrame(np.hstack([starts, stops]), columns=CORNERS)


def cells_in_boxes(boxes: pd.DataFrame, points: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The sum of `values` (n,) of the points (n, 3), z, y, x in voxels, in each of the boxes.

    `boxes` are all of `boxes_of`. A point outside the volume counts in the box at its edge.
    """
    return np.bincount(_box_of(boxes, points), weights=values, minlength=len(boxes))


def _box_of(boxes: pd.DataFrame, points: np.ndarray) -> np.ndarray:
    """The row (n,) of the box that each point lies in, or that is nearest to it."""
    starts = [np.unique(boxes[f"{axis}0"]) for axis in AXES]
    sizes = [len(start) for start in starts]
    at = np.asarray(points, float).reshape(-1, 3)
    # A voxel reaches half of its side around its position.
    place = [
        np.clip(np.searchsorted(start, column + 0.5, side="right") - 1, 0, size - 1)
        for start, column, size in zip(starts, at.T, sizes, strict=True)
    ]
    return np.ravel_multi_index(place, sizes) if len(at) else np.empty(0, int)


def inclusion_probabilities(
    importance: np.ndarray, number: int, uniform_share: float
) -> np.ndarray:
    """Probabilities (n,) that add up to `number`, at most 1: a mix of equal and proportional ones.

    `importance` (n,) is not negative. What would be above 1 is drawn for sure, and the others share
    the rest. All are 1 where `number` is not below n.
    """
    count = len(importance)
    if number >= count:
        return np.ones(count)
    total = float(np.sum(importance))
    shares = np.asarray(importance, float) / total if total > 0 else np.full(count, 1 / count)
    mixed = uniform_share / count + (1 - uniform_share) * shares
    sure = np.zeros(count, bool)
    while True:
        left = number - int(sure.sum())
        probability = np.where(sure, 1.0, left * mixed / mixed[~sure].sum())
        # Those that are sure already are not above 1 again.
        more = (probability > 1) & ~sure
        if not more.any():
            return probability
        sure |= more


def systematic_draw(probability: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Rows (k,) whose room on the line the comb touches; `probability` (n,) adds up to k."""
    ends = np.cumsum(probability)
    number = round(float(ends[-1])) if len(ends) else 0
    if not number:
        return np.empty(0, np.int64)
    # The sum misses a whole number by rounding alone.
    ends *= number / ends[-1]
    teeth = random.random() + np.arange(number)
    return np.minimum(np.searchsorted(ends, teeth, side="right"), len(ends) - 1)


def number_at_random(number: int, share: float) -> int:
    """How many of `number` suggestions are drawn at random, rounded up."""
    return min(number, math.ceil(number * share - 1e-9))
