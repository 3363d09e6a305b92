"""Measure how often intervals of counts hold the truth: `python -m cellsift.benchmarks.coverage`.

Writes reports/coverage.md with its table, coverage.csv, and its figure, coverage.png.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from cellsift.benchmarks.coverage.brains import KINDS, WITH_REGIONS, Kind
from cellsift.benchmarks.coverage.figure import draw
from cellsift.benchmarks.coverage.page import describe, summary
from cellsift.benchmarks.coverage.trials import trials, trials_by_region
from cellsift.benchmarks.machine import machine
from cellsift.io.atomic import atomic_file
from cellsift.io.cores import available_cores
from cellsift.io.tables import write_table

PORTION = 25
# A repetition has many regions.
FEWER = 4


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m cellsift.benchmarks.coverage", description=__doc__
    )
    parser.add_argument("--repetitions", type=int, default=400, help="of each kind of brain")
    parser.add_argument("--page", type=Path, default=Path("reports", "coverage.md"))
    options = parser.parse_args(arguments)
    table = pd.concat(
        [
            measure(trials, KINDS, options.repetitions),
            measure(trials_by_region, WITH_REGIONS, -(-options.repetitions // FEWER)),
        ],
        ignore_index=True,
    )
    about = f"{machine()} {options.repetitions} repetitions of each kind."
    picture = options.page.with_suffix(".png")
    with atomic_file(picture) as beside:
        draw(table).savefig(beside, dpi=100, format="png")
    write_table(summary(table), options.page.with_suffix(".csv"))
    with atomic_file(options.page) as beside:
        beside.write_text(describe(table, about, picture.name))
    print(f"The page is in {options.page}")
    return 0


def measure(
    of: Callable[[Kind, int, int], Iterator[dict]], kinds: Sequence[Kind], repetitions: int
) -> pd.DataFrame:
    """The rows of `trials`, or of `trials_by_region`, of all kinds of brain."""
    portions = [
        (of, kind, min(PORTION, repetitions - start), 1000 * number + start)
        for number, kind in enumerate(kinds)
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


def _portion(
    of: Callable[[Kind, int, int], Iterator[dict]], kind: Kind, repetitions: int, seed: int
) -> pd.DataFrame:
    rows = pd.DataFrame(of(kind, repetitions, seed))
    return rows.assign(repetition=rows["repetition"] + seed)


if __name__ == "__main__":
    sys.exit(main())
