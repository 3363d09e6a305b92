"""A brain's out-of-fold scores among those of all train brains."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from cellsift.io.tables import read_table


def scores_of_brain(
    paths: Iterable[str | Path], brain: str, *, draft: bool = False
) -> pd.DataFrame | None:
    """Return a brain's rows of these tables (columns brain, candidate, label, logit, ...).

    None where there is no table: the brain was not trained on. In a `draft` also where there is no
    row of it: the one network has learnt from it, so that it has no other scores than that one's.
    """
    tables = [read_table(path) for path in paths]
    if not tables:
        return None
    scores = pd.concat(tables)
    of_brain = scores[scores["brain"] == brain]
    return None if draft and of_brain.empty else of_brain
