"""How good a detector with its parameters is on brains that had no say in its threshold."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from cellsift.evaluation.detection_threshold import carrying_threshold
from cellsift.evaluation.recall_curve import RecallCurve

# What a loss of recall costs in candidates for each cell: 1 % is as bad as one more candidate.
COST_OF_RECALL = 100.0
# Beyond the wish, too, more recall is worth some candidates: another brain will be harder, and a
# cell without a candidate is never found.
COST_BEYOND_WISH = 60.0
# What each candidate beyond the allowed ones counts for.
COST_OF_EXCESS = 5.0
# A second candidate at a cell looks like one: no network rejects it, and the cell counts twice.
COST_OF_DOUBLE = 5.0


@dataclass(frozen=True)
class Wish:
    """What detection is to reach: the recall, with at most so many candidates for each cell."""

    recall: float = 0.95
    candidates_per_cell: float = 4.0


@dataclass(frozen=True)
class Judgement:
    """A setting's `loss`, the lower the better, and what it gives in each group, by name.

    `losses` are those of the groups, whose mean the loss is. `groups`: with the threshold that is
    chosen on all of them together. `held_out`: with the one that is chosen on all others; with a
    single group, on that one.
    """

    loss: float
    losses: Mapping[str, float]
    groups: Mapping[str, Mapping]
    held_out: Mapping[str, Mapping]

    @property
    def recall(self) -> float:
        """The lowest of the groups."""
        return min(found["recall"] for found in self.groups.values())

    @property
    def candidates_per_cell(self) -> float:
        """The highest of the groups, also of partial ones, where it only compares settings."""
        return max(found["candidates"] / found["annotated"] for found in self.groups.values())


def judge(
    curves: Mapping[str, RecallCurve],
    wish: Wish,
    smaller: Mapping[str, RecallCurve] | None = None,
) -> Judgement:
    """Judge a setting by groups of cells, each a brain or a part of one.

    All have the threshold that `carrying_threshold` chooses on them. The loss is the mean over
    groups of the candidates for each annotated cell, plus `COST_OF_RECALL` times the share of cells
    that is missing to the wished recall, `COST_BEYOND_WISH` times the share that is missing beyond
    it, `COST_OF_EXCESS` for each candidate per cell beyond the allowed ones, and `COST_OF_DOUBLE`
    for each double per cell.

    `smaller` are the curves of the same setting on the same groups as if all were smaller: then the
    loss is the mean of both, for the somata of another brain may be.
    """
    threshold = _threshold(list(curves.values()), wish)
    groups = {name: curve.at(threshold) for name, curve in curves.items()}
    losses = {name: _loss(groups[name], wish, curve.partial) for name, curve in curves.items()}
    if smaller is not None:
        for name, curve in smaller.items():
            loss = _loss(curve.at(threshold), wish, curve.partial)
            losses[name] = (losses[name] + loss) / 2
    return Judgement(_mean(losses.values()), losses, groups, _held_out(curves, wish))


def _held_out(curves: Mapping[str, RecallCurve], wish: Wish) -> dict[str, dict]:
    found = {}
    for name, curve in curves.items():
        others = [other for group, other in curves.items() if group != name]
        found[name] = curve.at(_threshold(others or [curve], wish))
    return found


def _threshold(curves: Sequence[RecallCurve], wish: Wish) -> float:
    return carrying_threshold(curves, wish.recall, wish.candidates_per_cell)


def _mean(values: Iterable[float]) -> float:
    given = list(values)
    return sum(given) / len(given)


def _loss(found: Mapping, wish: Wish, partial: bool) -> float:
    per_cell = found["candidates"] / found["annotated"]
    if partial:
        # Of cells that nobody has annotated there are more, nobody knows how many: of two settings
        # the one with fewer candidates is the better, but that is all it says.
        per_cell = math.log2(1 + per_cell)
    missing = max(0.0, wish.recall - found["recall"])
    beyond = 1 - max(wish.recall, found["recall"])
    excess = 0.0 if partial else max(0.0, per_cell - wish.candidates_per_cell)
    cost_of_missed = COST_OF_RECALL * missing + COST_BEYOND_WISH * beyond
    doubles = COST_OF_DOUBLE * found["doubles"] / found["annotated"]
    return per_cell + cost_of_missed + COST_OF_EXCESS * excess + doubles
