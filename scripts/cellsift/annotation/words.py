"""How far annotators agree, in words; of tables and notes alone, so that pages load little."""

from collections.abc import Mapping
from typing import Any


def agreement_in_words(summary: Mapping[str, Any]) -> str:
    """What several annotators agree on, as a sentence; empty of one annotator.

    `summary` has `annotators`, `marked` and `agreed_on` (cells), `in_doubt` and `agreement`, as
    `steps.label` notes them.

    Example:
        >>> agreed = {"f1": 0.812, "low": 0.7, "high": 0.9}
        >>> summary = {"annotators": ["anna", "ben"], "in_doubt": 3, "agreement": agreed}
        >>> summary |= {"marked": {"anna": 210, "ben": 195}, "agreed_on": 164}
        >>> agreement_in_words(summary)[66:136]
        'beside each other (cells: anna 210, ben 195; 164 agreed on); 3 positio'
    """
    names = [name or "unnamed" for name in summary.get("annotators", [])]
    if len(names) < 2:
        return ""
    who = f"{', '.join(names[:-1])} and {names[-1]}"
    numbers = _numbers(summary)
    doubt = summary["in_doubt"]
    left_out = (
        f"; {doubt} position{' is' if doubt == 1 else 's are'} in doubt, and left out of training "
        "and of what is measured, with what lies near"
        if doubt
        else ""
    )
    agreed = summary["agreement"]
    if agreed is None:
        unknown = f"how far {who} agree is not known, as no two marked all cells of a place"
        return f"{unknown}{numbers}{left_out}"
    return (
        f"{who} agree with an F1 of {agreed['f1']:.2f} (95% interval {agreed['low']:.2f} to "
        f"{agreed['high']:.2f}) beside each other{numbers}{left_out}"
    )


def _numbers(summary: Mapping[str, Any]) -> str:
    """How many cells each annotator has marked, and on how many they agree."""
    marked = [f"{name or 'unnamed'} {cells:,}" for name, cells in summary["marked"].items()]
    agreed = summary["agreed_on"]
    return f" (cells: {', '.join(marked)}; {agreed:,} agreed on)"
