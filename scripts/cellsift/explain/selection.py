"""Which candidates to look at: typical ones, doubtful ones, and the worst mistakes."""

import numpy as np
import pandas as pd

from cellsift.errors import InputError
from cellsift.io.names import CELL, NO_CELL

# In the order in which they are shown.
KINDS = ("cell", "artefact", "false positive", "false negative")
KINDS_WITHOUT_LABEL = ("called a cell", "called no cell")


def choose_examples(scores: pd.DataFrame, count: int) -> pd.DataFrame:
    """Return up to `count` rows of each kind, with a column `kind`, in the order of `KINDS`.

    Kinds: "cell" and "artefact" were classified rightly, and are spread evenly from the surest to
    the most doubtful; "false positive" and "false negative" are the errors, the surest first.
    Candidates with the label "ambiguous" are left out. Where no candidate has the label cell or
    no_cell, the kinds are "called a cell" and "called no cell". The same table gives the same
    rows, whatever the order of its rows.

    Args:
        scores: columns candidate and p_cell; also used where there: brain, label (cell, no_cell,
            ambiguous or empty) and is_cell (default: p_cell of 0.5 or more).
        count: rows per kind, at least 1.
    """
    _check(scores, count)
    scores = scores.dropna(subset="p_cell")
    called = scores["is_cell"].astype(bool) if "is_cell" in scores else scores["p_cell"] >= 0.5
    kind = _kind_by_label(scores, called)
    if kind.isna().all():
        kind = pd.Series(np.where(called, *KINDS_WITHOUT_LABEL), index=scores.index, dtype=object)
    scores = scores.assign(kind=kind)
    chosen = [
        _choose_of_kind(scores[scores["kind"] == kind], kind, count)
        for kind in KINDS + KINDS_WITHOUT_LABEL
    ]
    return pd.concat(chosen, ignore_index=True)


def _kind_by_label(scores: pd.DataFrame, called: pd.Series) -> pd.Series:
    kind = pd.Series(None, index=scores.index, dtype=object)
    if "label" in scores:
        is_cell, is_none = scores["label"] == CELL, scores["label"] == NO_CELL
        for which, name in (
            (is_cell & called, "cell"),
            (is_none & ~called, "artefact"),
            (is_none & called, "false positive"),
            (is_cell & ~called, "false negative"),
        ):
            kind[which] = name
    return kind


def _choose_of_kind(rows: pd.DataFrame, kind: str, count: int) -> pd.DataFrame:
    surest_has_high_p = kind in ("cell", "false positive", "called a cell")
    keys = ["p_cell", *(["brain"] if "brain" in rows else []), "candidate"]
    rows = rows.sort_values(keys, ascending=[not surest_has_high_p] + [True] * (len(keys) - 1))
    if kind in ("false positive", "false negative") or len(rows) <= count:
        return rows.head(count)
    return rows.iloc[np.linspace(0, len(rows) - 1, count).round().astype(int)]


def _check(scores: pd.DataFrame, count: int) -> None:
    missing = [name for name in ("candidate", "p_cell") if name not in scores]
    if missing:
        raise InputError(f"the table of scores lacks the columns {', '.join(missing)}")
    if count < 1:
        raise InputError(f"{count} examples of each kind were asked for; ask for at least 1")
