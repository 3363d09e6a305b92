"""A brain's out-of-fold scores among those of all train brains."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from cellsift.io.tables import read_table


def scores_of_brain(paths: Iterable[str | Path], brain: str) -> pd.DataFrame | None:
    """Return a brain's rows of these tables (columns brain, candidate, label, logit, ...).

    None where there is no table: the brain was not trained on.
    """
    tables = [read_table(path) for path in paths]
    if not tables:
        return None
    scores = pd.concat(tables)
    return scores[scores["brain"] == brain]
