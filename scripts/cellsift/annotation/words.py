"""How far annotators agree, in words; of tables and notes alone, so that pages load little."""

from collections.abc import Mapping
from typing import Any


def agreement_in_words(summary: Mapping[str, Any]) -> str:
    """What several annotators agree on, as a sentence; empty of one annotator.

    `summary` has `annotators`, `in_doubt` and `agreement`, as `steps.label` notes them.

    Example:
        >>> agreed = {"f1": 0.812, "low": 0.7, "high": 0.9}
        >>> summary = {"annotators": ["anna", "ben"], "in_doubt": 3, "agreement": agreed}
        >>> agreement_in_words(summary)[:70]
        'anna and ben agree with an F1 of 0.81 (95% interval 0.70 to 0.90) besi'
    """
    names = [name or "unnamed" for name in summary.get("annotators", [])]
    if len(names) < 2:
        return ""
    who = f"{', '.join(names[:-1])} and {names[-1]}"
    doubt = summary["in_doubt"]
    left_out = (
        f"; {doubt} position{' is' if doubt == 1 else 's are'} in doubt, and left out of training "
        "and of what is measured, with what lies near"
        if doubt
        else ""
    )
    agreed = summary["agreement"]
    if agreed is None:
        return f"how far {who} agree is not known, as no two marked all cells of a place{left_out}"
    return (
        f"{who} agree with an F1 of {agreed['f1']:.2f} (95% interval {agreed['low']:.2f} to "
        f"{agreed['high']:.2f}) beside each other{left_out}"
    )
