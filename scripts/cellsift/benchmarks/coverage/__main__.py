"""Measure how often intervals of counts hold the truth: `python -m cellsift.benchmarks.coverage`.

Writes reports/coverage.md with its table, coverage.csv, and its figure, coverage.png.
"""

import argparse
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from cellsift.benchmarks.coverage.brains import KINDS, Kind
from cellsift.benchmarks.coverage.figure import draw
from cellsift.benchmarks.coverage.page import describe, summary
from cellsift.benchmarks.coverage.trials import trials
from cellsift.benchmarks.machine import machine
from cellsift.io.atomic import atomic_file
from cellsift.io.cores import available_cores
from cellsift.io.tables import write_table

PORTION = 25


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m cellsift.benchmarks.coverage", description=__doc__
    )
    parser.add_argument("--repetitions", type=int, default=400, help="of each kind of brain")
    parser.add_argument("--page", type=Path, default=Path("reports", "coverage.md"))
    options = parser.parse_args(arguments)
    table = measure(options.repetitions)
    about = f"{machine()} {options.repetitions} repetitions of each kind."
    picture = options.page.with_suffix(".png")
    with atomic_file(picture) as beside:
        draw(table).savefig(beside, dpi=100, format="png")
    write_table(summary(table), options.page.with_suffix(".csv"))
    with atomic_file(options.page) as beside:
        beside.write_text(describe(table, about, picture.name))
    print(f"The page is in {options.page}")
    return 0


def measure(repetitions: int) -> pd.DataFrame:
    """The rows of `trials` of all kinds of brain."""
    portions = [
        (kind, min(PORTION, repetitions - start), 1000 * number + start)
        for number, kind in enumerate(KINDS)
        for start in range(0, repetitions, PORTION)
    ]
    with ProcessPoolExecutor(available_cores()) as pool:
        done = tqdm(
            pool.map(_portion, *zip(*portions, strict=True)),
            total=len(portions),
            desc="coverage",
            unit="portion",
            disable=None,
        )
        return pd.concat(done, ignore_index=True)


def _portion(kind: Kind, repetitions: int, seed: int) -> pd.DataFrame:
    rows = pd.DataFrame(trials(kind, repetitions, seed))
    return rows.assign(repetition=rows["repetition"] + seed)


if __name__ == "__main__":
    sys.exit(main())
