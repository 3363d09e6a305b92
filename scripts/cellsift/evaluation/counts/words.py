"""A count in words."""

from collections.abc import Mapping
from typing import Any

UNCHECKED = (
    "no sample of this brain was labelled, so this rests on it being like the train brains: "
    "snakemake suggest draws one"
)

UNMEASURED = (
    "the brain is unlike the train brains and no sample of it was labelled, so this is no result: "
    "snakemake suggest draws one"
)


def count_in_words(brain: str, arm: str, found: Mapping[str, Any], unmeasured: bool = False) -> str:
    """The count of a brain by an arm, its interval, and what it rests on, in a sentence.

    `unmeasured` is what `is_unmeasured` says of it.

    Example:
        >>> found = {"count": 950, "low": 900, "high": 1010, "naive": 800, "labels": 90,
        ...          "blocks": 0, "candidates": 3000}
        >>> count_in_words("mouse_9", "resnet", found)
        'brain mouse_9: 950 cells (95% interval 900 to 1,010) by resnet, by 90 labels of this \
brain; 800 candidates were called cells'
    """
    if not found["candidates"]:
        return f"brain {brain}: detection proposes no candidate, so that cells cannot be counted"
    word = " unmeasured," if unmeasured else ""
    said = (
        f"brain {brain}:{word} {found['count']:,} cells (95% interval {found['low']:,} to "
        f"{found['high']:,}) by {arm}"
    )
    called = f"{found['naive']:,} candidates were called cells"
    evidence = evidence_in_words(found["labels"], found["blocks"])
    if not evidence:
        return f"{said}; {called}; {UNMEASURED if unmeasured else UNCHECKED}"
    return f"{said}, by {evidence} of this brain; {called}"


def is_unmeasured(found: Mapping[str, Any], unlike: bool, annotated: bool) -> bool:
    """Whether nothing that was measured stands behind the count of a brain.

    Args:
        found: the count by an arm, with the labels and blocks of the brain that it rests on.
        unlike: whether the brain raises the alarm for brains unlike the train brains.
        annotated: whether all its cells are, so that people know their number.
    """
    return unlike and not annotated and not found.get("labels") and not found.get("blocks")


def evidence_in_words(labels: int, blocks: int) -> str:
    """What of a brain people have labelled; nothing where they have not."""
    parts = []
    if labels:
        parts.append(f"{labels:,} label{'' if labels == 1 else 's'}")
    if blocks:
        parts.append(f"{blocks:,} block{'' if blocks == 1 else 's'}")
    return " and ".join(parts)
