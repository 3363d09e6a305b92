"""A count in words."""

from collections.abc import Mapping, Sequence
from typing import Any

UNCHECKED = (
    "no sample of this brain was labelled, so this rests on it being like the train brains: "
    "snakemake suggest draws one"
)
ALONE = (
    "no sample of this brain was labelled and there is no annotated train brain, so this rests on "
    "how brains measured before differ alone: snakemake suggest draws one"
)

UNLIKE = "the brain is unlike the train brains, so this is no result"
UNMEASURED = (
    "the brain is unlike the train brains and no sample of it was labelled, so this is no result: "
    "snakemake suggest draws one"
)


def count_in_words(
    brain: str,
    arm: str,
    found: Mapping[str, Any],
    unused: str = "",
    unmeasured: bool = False,
    has_train: bool = True,
) -> str:
    """The count of a brain by an arm, its interval, and what it rests on, in a sentence.

    `unused` tells why answers do not count (`unused_in_words`), `unmeasured` is what
    `is_unmeasured` says of the count, `has_train` whether train brains tell how brains differ.

    Example:
        >>> found = {"count": 950, "low": 900, "high": 1010, "naive": 800, "labels": 90,
        ...          "blocks": 0, "in_blocks": 0, "candidates": 3000}
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
    evidence = evidence_in_words(found)
    if not evidence:
        doubt = UNMEASURED if unmeasured else UNCHECKED if has_train else ALONE
        if unused:
            doubt = f"{UNLIKE}; {unused}" if unmeasured else unused
        return f"{said}; {called}; {doubt}"
    return f"{said}, by {evidence} of this brain; {called}"


def unused_in_words(document: Mapping[str, Any]) -> str:
    """Why what people labelled in a brain does not count, in a sentence; empty where some does.

    `document` is what the step `count` wrote, of which `answers` (labels, blocks), `corrected` and
    `corrected_with` are of use.

    Example:
        >>> read = {"labels": 40, "blocks": 0}
        >>> unused_in_words(
        ...     {"answers": read, "corrected": False, "corrected_with": ["predict", "mouse_3"]}
        ... )
        'answers (40 labels) were read but do not count here; to have them count, write counts: \
{corrected: [predict, mouse_3]} in the config'
    """
    given = document.get("answers", {"labels": 0, "blocks": 0})
    read = evidence_in_words(given)
    if not read or document["corrected"]:
        return ""
    if wanted := document["corrected_with"]:
        change = to_count_in_words(wanted)
        return f"answers ({read}) were read but do not count here; to have them count, {change}"
    return f"answers ({read}) were read but do not count: none is of what was drawn at random"


def to_count_in_words(corrected_with: Sequence[str]) -> str:
    """What to change for answers on a brain to count.

    Example:
        >>> to_count_in_words(["predict", "mouse_3"])
        'write counts: {corrected: [predict, mouse_3]} in the config'
    """
    return f"write counts: {{corrected: [{', '.join(corrected_with)}]}} in the config"


def is_unmeasured(found: Mapping[str, Any], unlike: bool, annotated: bool) -> bool:
    """Whether nothing that was measured stands behind the count of a brain.

    Args:
        found: the count by an arm, with the labels and blocks of the brain that it rests on.
        unlike: whether the brain raises the alarm for brains unlike the train brains.
        annotated: whether all its cells are, so that people know their number.
    """
    return unlike and not annotated and not found.get("labels") and not found.get("blocks")


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
