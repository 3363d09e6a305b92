"""What a run says that has tried detection: a table of what it finds, and where the page is."""

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from cellsift.io.json_files import read_json
from cellsift.labels.reached import recall_with_interval
from cellsift.results import Results

KNOWN = ("reached", "annotated", "low", "high")
HEAD = ("brain", "annotated cells", "candidates", "recall of detection", "per cell", "missed")
# What a brain without annotated cells has no number of, as on pages.
UNKNOWN = "–"
ALL = "The table is of all candidates."


def detection_message(results: str | PathLike[str]) -> str:
    """What detection finds in each annotated train brain, as a table, and where more is to be seen.

    Plain text of lines no longer than the names of brains make them.
    """
    folder = Results(results)
    summary = read_json(folder.detection_summary)
    lines = _aligned([HEAD, *map(_row, summary["brains"])])
    if summary["refused"]:
        lines += ["", f"What keep asks for cannot be had: {summary['refused']}.", ALL]
    page = folder.detection_page
    address = Path(page).absolute().as_uri()
    return "\n".join(
        ["", *lines, "", f"What it misses, and what to change, is in {page}: open {address}"]
    )


def _row(brain: Mapping[str, Any]) -> tuple[str, ...]:
    recall = UNKNOWN
    if brain["recall"] is not None:
        recall = recall_with_interval(*(brain[key] for key in KNOWN))
    per_cell = "not known" if brain["partial"] else UNKNOWN
    if brain["candidates_per_cell"] is not None:
        per_cell = f"{brain['candidates_per_cell']:.2f}"
    counts = (str(brain[key]) for key in ("annotated", "candidates"))
    return (brain["brain"], *counts, recall, per_cell, str(brain["missed"]))


def _aligned(rows: list[tuple[str, ...]]) -> list[str]:
    """The rows with names set left and figures right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            [row[0].ljust(widths[0])]
            + [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        )
        for row in rows
    ]
