"""What a comparison found, in words and as JSON."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

from cellsift.evaluation.alarm.comparison import Comparison
from cellsift.evaluation.alarm.statistics import GROUPS, statistic_of

NEXT_OF_DOUBLES = (
    "Where the same cell is called twice, detection proposes it twice: annotate a brain of this "
    "kind as a train brain and let detection: {method: auto} choose with it, or mark all cells in "
    "some blocks of this one (snakemake suggest draws them), which corrects its count."
)
# What lies beyond has no exponential that JSON could hold.
LARGEST_LOG = 700.0
# Numbers that a reason names.
NAMED = 2
NEXT = (
    "Label a sample of this brain: mark some of its cells and of what is no cell, name both files "
    "in its columns cells and non_cells, and give it the role test to measure how the arms do in "
    "it, or train to let them learn from it."
)


def not_compared() -> dict[str, Any]:
    """The document of a brain that there is no other train brain to compare with."""
    return {
        "train_brains": [],
        "alarm": None,
        "raised": [],
        "reasons": [],
        "groups": {},
        "statistics": {},
    }


def in_terminal(brain: str, document: Mapping[str, Any]) -> str:
    """The alarm of a brain in words."""
    return (
        f"brain {brain} is unlike the brains that the arms learnt from: {in_short(document)}. What "
        f"they say of it counts as unmeasured; its page tells more. {what_next(document)}"
    )


def what_next(document: Mapping[str, Any]) -> str:
    """What to do about a brain under alarm."""
    return f"{NEXT_OF_DOUBLES} {NEXT}" if counts_twice(document) else NEXT


def counts_twice(document: Mapping[str, Any]) -> bool:
    """Whether the alarm is raised for called cells that lie close together."""
    return "doubles" in document["raised"]


def in_short(document: Mapping[str, Any]) -> str:
    """In what a brain deviates, without numbers."""
    return ", ".join(GROUPS[group] for group in document["raised"])


def reasons(comparison: Comparison) -> list[str]:
    """A sentence for each group that raises the alarm, the farthest first."""
    return [
        f"{GROUPS[group]}. {_capital('; '.join(_evidence(comparison, group)))}"
        for group in comparison.raised
    ]


def to_document(comparison: Comparison) -> dict[str, Any]:
    """The comparison as JSON: alarm, reasons, groups and statistics.

    Numbers are given as they are measured (a share as a share, no logarithm), on 4 digits.
    """
    return {
        "alarm": comparison.alarm,
        "raised": comparison.raised,
        "reasons": reasons(comparison),
        "groups": {
            str(name): {key: round(float(row[key]), 2) for key in ("deviation", "limit")}
            for name, row in comparison.groups.iterrows()
        },
        "statistics": {str(name): _row(str(name), row) for name, row in _rows(comparison)},
    }


def _rows(comparison: Comparison):
    return comparison.statistics.iterrows()


def _row(name: str, row: pd.Series) -> dict[str, Any]:
    numbers = {key: as_measured(name, row[key]) for key in ("value", "low", "high", "from", "to")}
    return {"group": row["group"], **numbers, "deviation": round(float(row["deviation"]), 2)}


def as_measured(name: str, value: float) -> float:
    """A number on a statistic's scale as it was measured, on 4 digits."""
    scale = statistic_of(name).scale
    measured = (
        np.exp(min(value, LARGEST_LOG))
        if scale == "log"
        else expit(value)
        if scale == "logit"
        else value
    )
    return float(f"{float(measured):.4g}")


def _evidence(comparison: Comparison, group: str) -> list[str]:
    """The numbers of a group that lie farthest, with what the train brains have."""
    table = comparison.statistics
    own = table[table["group"] == group]
    far = own.loc[own["deviation"].abs().sort_values(ascending=False, kind="stable").index]
    return [_compared(str(name), row) for name, row in far.head(NAMED).iterrows()]


def _compared(name: str, row: pd.Series) -> str:
    value, low, high = (
        shown(name, as_measured(name, row[key])) for key in ("value", "low", "high")
    )
    seen = low if low == high else f"{low} to {high}"
    return f"{statistic_of(name).words}: {value} (train brains {seen})"


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def shown(name: str, measured: float) -> str:
    """A statistic as people read it, by its value as it was measured."""
    if statistic_of(name).scale == "logit":
        return f"{measured:.1%}" if measured < 0.1 else f"{measured:.0%}"
    return f"{float(f'{measured:.2g}'):,g}" if abs(measured) < 1e4 else f"{measured:,.0f}"
