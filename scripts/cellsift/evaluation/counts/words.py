"""A count in words."""

from collections.abc import Mapping
from typing import Any

UNCHECKED = (
    "no sample of this brain was labelled, so this rests on it being like the train brains: "
    "snakemake suggest draws one"
)


def count_in_words(brain: str, arm: str, found: Mapping[str, Any]) -> str:
    """The count of a brain by an arm, its interval, and what it rests on, in a sentence.

    Example:
        >>> found = {"count": 950, "low": 900, "high": 1010, "naive": 800, "labels": 90,
        ...          "blocks": 0, "in_blocks": 0, "candidates": 3000}
        >>> count_in_words("mouse_9", "resnet", found)
        'brain mouse_9: 950 cells (95% interval 900 to 1,010) by resnet, by 90 labels of this \
brain; 800 candidates were called cells'
    """
    if not found["candidates"]:
        return f"brain {brain}: detection proposes no candidate, so that cells cannot be counted"
    said = (
        f"brain {brain}: {found['count']:,} cells (95% interval {found['low']:,} to "
        f"{found['high']:,}) by {arm}"
    )
    called = f"{found['naive']:,} candidates were called cells"
    evidence = evidence_in_words(found)
    if not evidence:
        return f"{said}; {called}; {UNCHECKED}"
    return f"{said}, by {evidence} of this brain; {called}"


def evidence_in_words(found: Mapping[str, Any]) -> str:
    """What of a brain people have labelled; nothing where they have not.

    Example:
        >>> evidence_in_words({"labels": 50, "blocks": 3, "in_blocks": 67})
        '50 labels and 3 blocks with 67 candidates'
    """
    parts = []
    if found["labels"]:
        parts.append(_number(found["labels"], "label"))
    if found["blocks"]:
        in_blocks = found.get("in_blocks", 0)
        held = f" with {_number(in_blocks, 'candidate')}" if in_blocks else ""
        parts.append(_number(found["blocks"], "block") + held)
    return " and ".join(parts)


def _number(number: int, of: str) -> str:
    return f"{number:,} {of}{'' if number == 1 else 's'}"
