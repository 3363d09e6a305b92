"""Measure what carries over to a new brain: `python -m cellsift.benchmarks.carry_over`.

Writes reports/carry_over.md with its picture, or of `--part inputs` carry_over_inputs.md. Real
volumes are looked for where CELLSIFT_DATA says. Trainings take most of the time; their scores are
kept in a folder and used again.
"""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from cellsift.benchmarks.carry_over.brains import sources
from cellsift.benchmarks.carry_over.counts import count_rows
from cellsift.benchmarks.carry_over.figure import draw_gaps
from cellsift.benchmarks.carry_over.measures import brain_rows, draw_rows, line_rows
from cellsift.benchmarks.carry_over.page import PLAIN, describe_inputs, describe_labels
from cellsift.benchmarks.carry_over.scores import (
    SELF_TRAINING,
    TISSUE_STATISTICS,
    Job,
    Result,
    Tell,
    all_scores,
)
from cellsift.benchmarks.machine import machine
from cellsift.errors import InputError
from cellsift.io.atomic import atomic_file
from cellsift.settings.files import REPOSITORY

PAGES = {"labels": "carry_over.md", "inputs": "carry_over_inputs.md"}
JOBS = (
    Job("features", PLAIN),
    Job("features", "dataset"),
    Job("features", "linear"),
    Job("features", "local"),
    Job("features", "tissue median"),
    Job("features", "tissue mean"),
    Job("features", "tissue contrast"),
    Job("features", "local, wide contrast"),
    Job("features", "local", adaptation=SELF_TRAINING),
    Job("small", PLAIN),
    Job("small", PLAIN, adaptation=TISSUE_STATISTICS),
    Job("small", "local"),
    Job("small", "local", adaptation=TISSUE_STATISTICS),
    Job("small", "local, wide contrast"),
    Job("small", "local", adaptation=SELF_TRAINING),
)


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m cellsift.benchmarks.carry_over", description=__doc__
    )
    parser.add_argument(
        "--part",
        choices=("labels", "inputs"),
        default="labels",
        help="thresholds, labels and counts, or what arms are given",
    )
    parser.add_argument("--draws", type=int, default=50, help="of labels, of each number")
    parser.add_argument(
        "--cache", type=Path, default=REPOSITORY / ".cache" / "carry_over", help="for the scores"
    )
    parser.add_argument(
        "--kept-only", action="store_true", help="train nothing: only scores that are in the cache"
    )
    parser.add_argument("--page", type=Path, help="to write it to")
    options = parser.parse_args(arguments)
    folder = os.environ.get("CELLSIFT_DATA")
    begun = time.monotonic()

    def tell(said: str) -> None:
        print(f"{time.monotonic() - begun:5.0f} s  {said}", file=sys.stderr, flush=True)

    jobs = JOBS if options.part == "inputs" else [job for job in JOBS if job.name == PLAIN]
    try:
        found = sources(None if folder is None else Path(folder))
        results = list(all_scores(found, jobs, options.cache, tell, options.kept_only))
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    page = options.page or REPOSITORY / "reports" / PAGES[options.part]
    if options.part == "inputs":
        write_inputs(results, page)
    else:
        write_labels(results, options.draws, page, tell)
    print(f"The page is {page}")
    return 0


def write_inputs(results: Sequence[Result], page: Path) -> None:
    """Write the page on what arms are given."""
    with atomic_file(page) as beside:
        beside.write_text(describe_inputs(brain_rows(results), machine()))


def write_labels(results: Sequence[Result], draws: int, page: Path, tell: Tell) -> None:
    """Write the page on thresholds, labels and counts, and beside it its picture."""
    drawn = pd.concat([_drawn(result, draws, tell) for result in results], ignore_index=True)
    counts = pd.concat([count_rows(result, draws) for result in results], ignore_index=True)
    about = f"{machine()} {draws} draws of each number of labels."
    rows, lines = brain_rows(results), line_rows(results)
    with atomic_file(page) as beside:
        beside.write_text(describe_labels(rows, lines, drawn, counts, about))
    with atomic_file(page.with_suffix(".png")) as beside:
        draw_gaps(drawn, beside)


def _drawn(result: Result, draws: int, tell: Tell) -> pd.DataFrame:
    tell(f"labels of {result.cohort}, {result.brain}: {result.job.architecture}")
    return draw_rows(result, draws)


if __name__ == "__main__":
    sys.exit(main())
