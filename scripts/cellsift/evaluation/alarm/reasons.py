"""What a comparison found, in words and as JSON."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

from cellsift.evaluation.alarm.comparison import Comparison
from cellsift.evaluation.alarm.statistics import GROUPS, statistic_of

# Raises the alarm by itself, as no number of the brain shows what detection misses in it.
SOURCE = "source"
OTHER_SOURCE = "its candidates are of another source than those of the train brains"
# What lies beyond has no exponential that JSON could hold.
LARGEST_LOG = 700.0
# Numbers that a reason names.
NAMED = 2
# Of a brain under alarm, by its role.
IS_UNLIKE = {
    "train": "is unlike the other train brains",
    "test": "is unlike the train brains",
    "predict": "is unlike the train brains",
}
SUGGEST = "snakemake suggest (make suggest CONFIG=...)"
NEXT = {
    "train": "Arms that are trained here learnt from it all the same. Look whether its files, "
    "voxel size and annotation are right; if they are, brains like this one need more of their "
    "kind among the train brains.",
    "test": "Its figures, measured by its annotation, hold for this brain and say little of brains "
    "like the train brains.",
    "predict": "How well the arms judge in it nobody has measured: take their counts and p_cell "
    f"for no result. Annotate what {SUGGEST} draws of it: then its count rests on that. For arms "
    "that judge such brains better, annotate one of them as a train brain.",
}
# Where its called cells lie close together. Detection proposes such cells twice.
NEXT_OF_DOUBLES = {
    "train": "Arms that are trained here learnt from it all the same. A larger soma_diameter or, "
    "of dog, minimum_distance proposes fewer candidates at one cell; if that is not it, brains "
    "like this one need more of their kind among the train brains.",
    "test": f"{NEXT['test']} With a brain of this kind among the train brains, detection: {{method:"
    " auto} chooses for it as well.",
    "predict": f"Take its counts for no result. Annotate what {SUGGEST} draws of it, above all the "
    "blocks: then its count rests on that. With a train brain of this kind, detection: {method: "
    "auto} proposes fewer candidates at one cell.",
}
NEXT_OF_COUNTED = (
    "Its number of cells rests on what was labelled in it, and not on its being like the train "
    "brains. How well the arms judge single candidates in it nobody has measured."
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


def in_terminal(brain: str, role: str, document: Mapping[str, Any]) -> str:
    """The alarm of a brain of this role in words, with what to do."""
    return f"brain {brain} {IS_UNLIKE[role]}: {in_short(document)}. {what_next(document, role)}"


def what_next(document: Mapping[str, Any], role: str, counted: bool = False) -> str:
    """What follows of the alarm of a brain of this role, and what to do.

    `counted`: whether its count rests on labels of the brain already.
    """
    if counted and role == "predict":
        return NEXT_OF_COUNTED
    return (NEXT_OF_DOUBLES if counts_twice(document) else NEXT)[role]


def counts_twice(document: Mapping[str, Any]) -> bool:
    """Whether the alarm is raised for called cells that lie close together."""
    return "doubles" in document["raised"]


def in_short(document: Mapping[str, Any]) -> str:
    """In what a brain deviates, without numbers."""
    words = GROUPS | {SOURCE: OTHER_SOURCE}
    return ", ".join(words[group] for group in document["raised"])


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


def with_source(
    document: Mapping[str, Any], given: bool, others_given: Sequence[bool]
) -> dict[str, Any]:
    """The document of a comparison, with an alarm where candidates are of different sources.

    `given` is whether the brain's candidates are another program's, `others_given` the same of each
    train brain. Nobody knows then which share of its cells has a candidate, on which counts rest.
    """
    if given in others_given:
        return dict(document)
    sources = {True: "from a file that the table of brains names", False: "detected here"}
    reason = (
        f"{OTHER_SOURCE}. They are {sources[given]}, those of the train brains "
        f"{sources[not given]}: how many of its cells have a candidate is not known"
    )
    return {
        **document,
        "alarm": True,
        "raised": [SOURCE, *document["raised"]],
        "reasons": [reason, *document["reasons"]],
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
