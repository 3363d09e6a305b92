"""Whether positions fit better if their axes, unit or place are other than was thought.

And whether they lie so close together that the matching distance reaches from one to the next.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np
import pandas as pd

from cellsift.io.axes import AXES, Size, per_axis
from cellsift.labels.reached import who_has_a_candidate

GIVEN = (0, 1, 2)
# Voxels of atlases and of volumes made smaller for them, µm.
COARSE_VOXELS = (10, 25, 50, 100)
FACTORS = (2, 4, 8)

# Of more annotated cells than this a random sample tells as much.
SAMPLE = 2000
# Of the candidates those of the highest contrast are looked at, so many for each cell.
CLEAREST_PER_CELL = 5
# Another reading is told of where it reaches at least so many annotated cells, this share, ...
FEWEST_REACHED, LEAST_SHARE = 10, 0.2
# ... more than so many times those of the given one, and of chance, ...
TIMES_GIVEN, TIMES_CHANCE = 2, 3
# ... and more than chance by so many of its standard deviations: a hundred readings are tried.
DEVIATIONS = 6
# Shifts are looked for up to so many matching distances, among so many nearest candidates.
SHIFT_REACH, SHIFT_NEIGHBOURS = 8, 20
# Matched pairs that lie off each other the same way are told of from so many on, ...
FEWEST_PAIRS = 30
# ... where the median is at least this many voxels and this share of the matching distance.
OFFSET_VOXELS, OFFSET_SHARE = 0.75, 0.25
# As many annotated cells that are this share of the candidates, exactly, are the candidates.
SAME_SHARE = 0.95


@dataclass(frozen=True)
class Reading:
    """One way to understand three numbers: columns in this order, times `scale`, then mirrored.

    `scale` makes voxels of them. `mirrored` are axes that are counted from the volume's other end.
    """

    said: str
    order: tuple[int, int, int] = GIVEN
    scale: Size = (1.0, 1.0, 1.0)
    mirrored: tuple[int, ...] = ()

    def positions(self, points: np.ndarray, shape: Sequence[int] | None) -> np.ndarray:
        """Positions z, y, x in voxels of a volume of this shape, which mirrored axes need."""
        found = points[:, self.order] * np.array(self.scale)
        for axis in self.mirrored:
            # Without a shape no mirrored reading is tried.
            assert shape is not None
            found[:, axis] = shape[axis] - 1 - found[:, axis]
        return found


def orders_and_micrometres(voxel_size: Sequence[float]) -> Iterator[Reading]:
    """Readings with another order of the axes, in µm, or both; the likelier first."""
    microns = per_axis(1 / float(size) for size in voxel_size)
    orders = sorted(map(per_axis, permutations(GIVEN)), key=lambda order: order != (2, 1, 0))
    for order in orders:
        if order != GIVEN:
            yield Reading(f"in the order {_named(order)} instead of z, y, x", order)
    yield Reading("in µm instead of voxels", GIVEN, microns)
    for order in orders:
        if order != GIVEN:
            said = f"in µm and in the order {_named(order)} instead of voxels and z, y, x"
            yield Reading(said, order, microns)


def all_readings(voxel_size: Sequence[float]) -> Iterator[Reading]:
    """All readings that are tried where candidates are known; the likelier first."""
    yield from orders_and_micrometres(voxel_size)
    for scale, said in _other_scales(voxel_size):
        for order in map(per_axis, permutations(GIVEN)):
            ordered = "" if order == GIVEN else f" and in the order {_named(order)}"
            yield Reading(said + ordered, order, scale)
    for number in range(1, 8):
        mirrored = tuple(axis for axis in GIVEN if number >> axis & 1)
        yield Reading(
            f"counted from the other end along {', '.join(AXES[axis] for axis in mirrored)}",
            mirrored=mirrored,
        )


def reading_that_fits(
    points: np.ndarray, voxel_size: Sequence[float], shape: Sequence[int]
) -> Reading | None:
    """The likeliest other order or unit in which all points (n, 3) lie inside the volume."""
    for reading in orders_and_micrometres(voxel_size):
        positions = reading.positions(points, shape)
        if ((positions >= -1) & (positions <= np.array(shape))).all():
            return reading
    return None


def clearest(candidates: pd.DataFrame, annotated: int) -> np.ndarray:
    """Positions (n, 3), z, y, x, of the candidates of highest contrast, five for each cell.

    Among very many candidates cells match as well in a wrong place as in the right one. All where
    candidates have no contrast.
    """
    if "contrast" in candidates:
        contrast = candidates["contrast"].astype(float).reset_index(drop=True)
        count = CLEAREST_PER_CELL * max(annotated, 1)
        candidates = candidates.iloc[contrast.nlargest(count).index]
    return candidates[AXES].to_numpy()


def doubts_of_placement(
    candidates: np.ndarray,
    annotated: np.ndarray,
    voxel_size: Sequence[float],
    distance_um: float,
    shape: Sequence[int] | None,
) -> list[str]:
    """What makes it likely that annotated cells (m, 3) lie elsewhere than the candidates (n, 3).

    Both are z, y, x in voxels of a volume of this `shape`, without which it is not tried to count
    from its other end. Sentences, most often none. The time is bounded: at most 2000 annotated
    cells are looked at, in a hundred readings.
    """
    if len(annotated) < FEWEST_REACHED or not len(candidates):
        return []
    if _is_detection(candidates, annotated):
        return [
            f"All {len(annotated)} annotated cells lie exactly on candidates, and "
            f"{len(annotated) / len(candidates):.0%} of the candidates are annotated as cells, as "
            "if the annotation were the detection's own output: make sure that it comes from "
            "people."
        ]
    rng = np.random.default_rng(0)
    some = np.asarray(annotated, dtype=float)[rng.permutation(len(annotated))[:SAMPLE]]
    near = _Near(candidates, some, voxel_size, distance_um)
    doubt = _better_reading(near, shape, rng) or _common_offset(near)
    return [doubt] if doubt else []


def doubts_of_distance(
    annotated: np.ndarray, voxel_size: Sequence[float], distance_um: float
) -> list[str]:
    """Whether the matching distance, µm, is too large for annotated cells (m, 3).

    These are z, y, x in voxels. It is where it exceeds the median distance from a cell to its
    nearest neighbour. A sentence with the distance that would fit, or none; none of fewer than 10
    cells.
    """
    if len(annotated) < FEWEST_REACHED:
        return []
    apart = _to_nearest_neighbour(np.asarray(annotated, dtype=float) * np.asarray(voxel_size))
    # Where cells are listed twice, that is what is to be told.
    if not 0 < apart < distance_um:
        return []
    return [
        f"The matching distance, {distance_um:g} µm, is larger than that between neighbours: "
        f"half of the annotated cells have another one within {apart:.2g} µm. A candidate may then "
        "count for a cell wherever it lies among them, so that recall and labels say little. Set "
        f"distance_um under matching to half of what lies between neighbours, {apart / 2:.2g}."
    ]


def _to_nearest_neighbour(points: np.ndarray) -> float:
    """The median distance of points (n, 3) to the nearest other one, in their unit."""
    # Of use to annotated brains alone, and long to load.
    from scipy.spatial import KDTree

    found, _ = KDTree(points).query(points, k=[2])
    return float(np.median(found))


def _is_detection(candidates: np.ndarray, annotated: np.ndarray) -> bool:
    """Whether candidates and annotated cells are the same positions, but for a few."""
    if len(annotated) < FEWEST_PAIRS or len(annotated) < SAME_SHARE * len(candidates):
        return False
    known = set(map(tuple, np.asarray(candidates, dtype=float).round(3).tolist()))
    own = map(tuple, np.asarray(annotated, dtype=float).round(3).tolist())
    return all(position in known for position in own)


def _better_reading(
    near: "_Near", shape: Sequence[int] | None, rng: np.random.Generator
) -> str | None:
    """The reading or shift that reaches clearly more than the given one and than chance, if any."""
    given, of = near.reached(near.annotated), len(near.annotated)
    # Even reaching all of them would not be enough more.
    if given * TIMES_GIVEN >= of:
        return None
    tried = [
        (reading.said, reading.positions(near.annotated, shape))
        for reading in all_readings(near.voxel_size.tolist())
        if shape is not None or not reading.mirrored
    ]
    shift = near.likeliest_shift()
    if shift is not None:
        by = ", ".join(f"{value:+.1f}" for value in shift)
        tried.append((f"moved by ({by}) voxels (z, y, x)", near.annotated + shift))
    # The first of the best, which is the likeliest.
    said, positions = max(tried, key=lambda way: near.reached(way[1]))
    if not near.is_clear(given, positions, rng):
        return None
    return _sentence(said, near.reached(positions), given, of)


def _common_offset(near: "_Near") -> str | None:
    """How annotated cells lie off their nearest candidates, if all of them the same way."""
    apart = near.apart()
    if len(apart) < FEWEST_PAIRS:
        return None
    offset = np.median(apart, axis=0)
    low, high = np.percentile(apart, [25, 75], axis=0)
    error = (high - low) / np.sqrt(len(apart))
    offsets = [
        f"{offset[axis]:+.1f} voxels along {AXES[axis]}"
        for axis in GIVEN
        if abs(offset[axis]) >= max(OFFSET_VOXELS, DEVIATIONS * error[axis])
        and abs(offset[axis]) * near.voxel_size[axis] >= OFFSET_SHARE * near.distance
    ]
    if not offsets:
        return None
    return (
        f"Annotated cells lie off their nearest candidates by {' and '.join(offsets)} (the median "
        f"of {len(apart)} pairs): were planes and pixels counted from 1, or in a cropped volume?"
    )


class _Near:
    """Which of a sample of annotated cells have a candidate within the matching distance."""

    def __init__(self, candidates, annotated, voxel_size, distance_um):
        # Of use to annotated brains alone, and long to load.
        from scipy.spatial import KDTree

        self.annotated = np.asarray(annotated, dtype=float)
        self.voxel_size = np.asarray(voxel_size, dtype=float)
        # The tolerance keeps pairs at exactly the distance, as matching does.
        self.distance = distance_um * (1 + 1e-9)
        self.tree = KDTree(np.asarray(candidates, dtype=float) * self.voxel_size)

    def reached(self, positions: np.ndarray) -> int:
        """How many of the positions have a candidate of their own in reach, nearly.

        A candidate that is nearest to several counts once: positions that are drawn together into
        one place would else all find it.
        """
        found, index = self.tree.query(
            positions * self.voxel_size, distance_upper_bound=self.distance
        )
        return len(np.unique(index[np.isfinite(found)]))

    def apart(self) -> np.ndarray:
        """From the nearest candidate to each annotated cell with one in reach, voxels (k, 3)."""
        found, index = self.tree.query(
            self.annotated * self.voxel_size, distance_upper_bound=self.distance
        )
        reached = np.isfinite(found)
        return self.annotated[reached] - self.tree.data[index[reached]] / self.voxel_size

    def is_clear(self, given: int, positions: np.ndarray, rng: np.random.Generator) -> bool:
        """Whether these positions reach much more than the given ones, and than chance."""
        best = self.reached(positions)
        if best <= max(TIMES_GIVEN * given, LEAST_SHARE * len(positions), FEWEST_REACHED - 1):
            return False
        # The most that the same positions reach a few distances off, where they mean nothing: of
        # those drawn together in a corner, many then lie outside.
        ways = rng.normal(size=(12, 3))
        ways *= self.distance * rng.uniform(3, 6, (12, 1)) / np.linalg.norm(ways, axis=1)[:, None]
        chance = max([self.reached(positions + way / self.voxel_size) for way in ways])
        return best >= TIMES_CHANCE * chance and best >= chance + DEVIATIONS * np.sqrt(chance)

    def likeliest_shift(self) -> np.ndarray | None:
        """The shift of the annotated cells, voxels, that most pairs with a candidate agree on."""
        some = self.annotated[: SAMPLE // 4] * self.voxel_size
        count = min(SHIFT_NEIGHBOURS, self.tree.n)
        found, index = self.tree.query(
            some, k=[*range(1, count + 1)], distance_upper_bound=SHIFT_REACH * self.distance
        )
        row, column = np.nonzero(np.isfinite(found))
        if not len(row):
            return None
        apart = self.tree.data[index[row, column]] - some[row]
        pairs = type(self.tree)(apart)
        votes = pairs.query_ball_point(apart, self.distance / 2, return_length=True)
        agreeing = pairs.query_ball_point(apart[np.argmax(votes)], self.distance / 2)
        return apart[agreeing].mean(axis=0) / self.voxel_size


def _other_scales(voxel_size: Sequence[float]) -> Iterator[tuple[Size, str]]:
    """Scales that make voxels of positions in a coarser or finer copy of the volume."""
    for size in COARSE_VOXELS:
        if any(abs(size - own) > 0.01 for own in voxel_size):
            yield per_axis(size / float(own) for own in voxel_size), f"in voxels of {size} µm"
    yield per_axis(1000 / float(own) for own in voxel_size), "in mm instead of voxels"
    for factor in FACTORS:
        coarser, finer = float(factor), 1 / factor
        yield (1.0, coarser, coarser), f"in pixels {factor} times as wide"
        yield (coarser, coarser, coarser), f"in voxels {factor} times as wide along every axis"
        yield (1.0, finer, finer), f"in pixels {factor} times as narrow"
        yield (finer, finer, finer), f"in voxels {factor} times as narrow along every axis"


def _named(order: Sequence[int]) -> str:
    """What the three columns hold if column `order[i]` holds axis i."""
    return ", ".join(AXES[order.index(column)] for column in GIVEN)


def _sentence(said: str, best: int, given: int, of: int) -> str:
    return (
        f"{who_has_a_candidate(given, of)} where they are annotated, but {best} would have one if "
        f"their positions were {said}: the annotation is likely to lie elsewhere than the "
        "signal. Give z, y, x in voxels of the signal."
    )
