"""What there is to annotate in all brains, and where answers belong."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from cellsift.evaluation.counts.words import to_count_in_words
from cellsift.io.json_files import read_json
from cellsift.io.tables import write_table

COLUMNS = ["brain", "round", "suggested", "random", "blocks", "answers_belong_in", "page"]


def suggest(
    suggested: Sequence[str | Path],
    pages: Sequence[str | Path],
    out: str | Path,
    tell: Callable[[str], None],
    corrected_with: Mapping[str, Sequence[str]],
) -> None:
    """Write a table with a row for each brain: COLUMNS.

    Args:
        suggested: the summaries that `suggest_brain` wrote.
        pages: the page of each of these brains.
        out: where to write.
        tell: is called with where to look, a sentence for each brain.
        corrected_with: by brain, what `counts: corrected` has to be for answers to count; empty
            where they do.
    """
    rows = []
    for path, page in zip(suggested, pages, strict=True):
        known = read_json(path)
        rows.append(known | {"random": known["why"].get("random", 0), "page": str(page)})
        tell(
            f"brain {known['brain']}: {known['suggested']} candidates and {known['blocks']} blocks "
            f"to annotate, round {known['round']}: {page} shows them and how to answer. Answers "
            f"belong in {known['answers_belong_in']}." + _not_yet(corrected_with[known["brain"]])
        )
    write_table(pd.DataFrame(rows, columns=COLUMNS), out)


def _not_yet(corrected_with: Sequence[str]) -> str:
    """What to say of a brain whose answers do not count as the config is; nothing of others."""
    if not corrected_with:
        return ""
    return f" They will not count: for that {to_count_in_words(corrected_with)}."
