"""What two runs have in common: all their tables, to the last digit."""

from collections.abc import Collection
from pathlib import Path

import pandas as pd

# Columns that say how long something took, not what came out.
TIMES = ["seconds"]


def tables(results: Path) -> dict[str, pd.DataFrame]:
    """All tables of a run by path, without the times in them."""
    return {
        str(path.relative_to(results)): pd.read_csv(path).drop(columns=TIMES, errors="ignore")
        for path in sorted(results.rglob("*.csv"))
    }


def assert_same_tables(one: Path, other: Path, but: Collection[str] = ()) -> None:
    """The same tables with the same values; those named in `but` may be in either or both."""
    first, second = (
        {path: table for path, table in tables(results).items() if path not in but}
        for results in (one, other)
    )
    assert first.keys() == second.keys()
    for name in first:
        pd.testing.assert_frame_equal(first[name], second[name], check_exact=True, obj=name)
