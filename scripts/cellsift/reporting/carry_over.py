"""Whether arms do on a test brain what their out-of-fold scores on the train brains promised."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import pandas as pd

# A fall of F1 that is told, where the interval on the test brain lies below the promise as well.
FAR = 0.1
# So many arms are told with their figures.
NAMED = 3
POOLED = "all train brains"


@dataclass(frozen=True)
class Fall:
    """An arm whose F1 on a test brain, `here`, is far below its own out-of-fold F1."""

    arm: str
    here: float
    out_of_fold: float


def falls(scores: pd.DataFrame, arms: Sequence[str], brain: str) -> list[Fall]:
    """Return the arms that do far worse on a test brain than out of fold, the deepest fall first.

    `scores` is a tidy table with arm, brain, role, metric, value, low, high; of several train
    brains those taken together count. Arms whose F1 is not known for both are left out.
    """
    found = []
    for arm in arms:
        rows = scores[(scores["arm"] == arm) & (scores["metric"] == "f1")]
        here, train = rows[rows["brain"] == brain], rows[rows["role"] == "train"]
        if (train["brain"] == POOLED).any():
            train = train[train["brain"] == POOLED]
        if here.empty or train.empty:
            continue
        promised, row = float(train["value"].iloc[0]), here.iloc[0]
        if row["high"] < promised and promised - row["value"] > FAR:
            found.append(Fall(arm, float(row["value"]), promised))
    return sorted(found, key=lambda fall: fall.here - fall.out_of_fold)


def carry_over_sentences(
    end_to_end: pd.DataFrame,
    on_candidates: pd.DataFrame,
    arms: Sequence[str],
    brains: Sequence[str],
    local: Collection[str] = (),
) -> list[str]:
    """Return what to say of each test brain where arms do far worse than out of fold.

    Args:
        end_to_end, on_candidates: the tables end_to_end and classification of an evaluation.
        arms: those that were trained, or are made of such.
        brains: the test brains.
        local: the arms that have `normalisation: local` already.
    """
    said = []
    for brain in brains:
        fallen = falls(end_to_end, arms, brain)
        if not fallen:
            continue
        said.append(
            f"The test brain {brain} differs from the train brains: there F1 is far below what "
            f"the same arm has out of fold on those, {_figures(fallen, len(arms))}."
        )
        if falls(on_candidates, [fall.arm for fall in fallen], brain):
            said.append(_to_try(all(fall.arm in local for fall in fallen)))
        else:
            said.append(
                "On the candidates alone no arm falls so far: what is lost is lost by detection, "
                "so look there first."
            )
    return said


def _figures(fallen: Sequence[Fall], arms: int) -> str:
    told = [f"{one.here:.2f} against {one.out_of_fold:.2f} for {one.arm}" for one in fallen[:NAMED]]
    rest = len(fallen) - len(told)
    others = [f"likewise for {rest} more of the {arms} arms"] if rest else []
    return ", ".join([*told, *others])


def _to_try(local: bool) -> str:
    annotate = (
        "add train brains like it; part of such a brain, annotated with cells and non_cells, is a "
        "start"
    )
    if local:
        return f"What may help: {annotate}."
    return (
        "What may help: set normalisation: local, which asks nothing of a brain's brightness, or "
        f"{annotate}."
    )
