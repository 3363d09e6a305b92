"""The page that compares the arms."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from cellsift.reporting.pages import write_index


def report_index(
    results: str | Path,
    roles: Mapping[str, str],
    arms: Iterable[Mapping[str, Any]],
    configuration: Mapping[str, Any],
    out: str | Path,
) -> None:
    """Write the index page of a folder of results to `out`; arguments as of `write_index`."""
    write_index(results, dict(configuration), out, roles, arms)
