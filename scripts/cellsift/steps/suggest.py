"""What there is to annotate in all brains, and where answers belong."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd

from cellsift.io.json_files import read_json
from cellsift.io.tables import write_table

COLUMNS = ["brain", "round", "suggested", "random", "blocks", "answers_belong_in", "page"]


def suggest(
    suggested: Sequence[str | Path],
    pages: Sequence[str | Path],
    out: str | Path,
    tell: Callable[[str], None],
) -> None:
    """Write a table with a row for each brain: COLUMNS.

    Args:
        suggested: the summaries that `suggest_brain` wrote.
        pages: the page of each of these brains.
        out: where to write.
        tell: is called with where to look, a sentence for each brain.
    """
    rows = []
    for path, page in zip(suggested, pages, strict=True):
        known = read_json(path)
        rows.append(known | {"random": known["why"].get("random", 0), "page": str(page)})
        tell(
            f"brain {known['brain']}: {known['suggested']} candidates and {known['blocks']} blocks "
            f"to annotate, round {known['round']}: {page} shows them and how to answer. Answers "
            f"belong in {known['answers_belong_in']}."
        )
    write_table(pd.DataFrame(rows, columns=COLUMNS), out)
