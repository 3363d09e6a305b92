"""Measure what carries over to a new brain: `python -m cellsift.benchmarks.carry_over`.

Writes reports/carry_over.md and carry_over.png. Real volumes are looked for where CELLSIFT_DATA
says. Trainings take most of the time; their scores are kept in a folder and used again.
"""

import argparse
import os
import sys
import time
from pathlib import Path

import pandas as pd

from cellsift.benchmarks.carry_over.brains import sources
from cellsift.benchmarks.carry_over.counts import count_rows
from cellsift.benchmarks.carry_over.figure import draw_gaps
from cellsift.benchmarks.carry_over.measures import brain_rows, draw_rows, line_rows
from cellsift.benchmarks.carry_over.page import PLAIN, describe
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
    parser.add_argument("--draws", type=int, default=50, help="of labels, of each number")
    parser.add_argument(
        "--cache", type=Path, default=REPOSITORY / ".cache" / "carry_over", help="for the scores"
    )
    parser.add_argument(
        "--kept-only", action="store_true", help="train nothing: only scores that are in the cache"
    )
    parser.add_argument("--page", type=Path, default=REPOSITORY / "reports" / "carry_over.md")
    options = parser.parse_args(arguments)
    folder = os.environ.get("CELLSIFT_DATA")
    begun = time.monotonic()

    def tell(said: str) -> None:
        print(f"{time.monotonic() - begun:5.0f} s  {said}", file=sys.stderr, flush=True)

    found = sources(None if folder is None else Path(folder))
    try:
        results = list(all_scores(found, JOBS, options.cache, tell, options.kept_only))
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    plain = [result for result in results if result.job.name == PLAIN]
    drawn = pd.concat([_drawn(result, options.draws, tell) for result in plain], ignore_index=True)
    counts = pd.concat([count_rows(result, options.draws) for result in plain], ignore_index=True)
    about = f"{machine()} {options.draws} draws of each number of labels."
    with atomic_file(options.page) as beside:
        beside.write_text(describe(brain_rows(results), line_rows(plain), drawn, counts, about))
    with atomic_file(options.page.with_suffix(".png")) as beside:
        draw_gaps(drawn, beside)
    print(f"The page is {options.page}")
    return 0


def _drawn(result: Result, draws: int, tell: Tell) -> pd.DataFrame:
    tell(f"labels of {result.cohort}, {result.brain}: {result.job.architecture}")
    return draw_rows(result, draws)


if __name__ == "__main__":
    sys.exit(main())
