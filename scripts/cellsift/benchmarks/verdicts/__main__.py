"""Measure how often verdicts on arms are wrong: `python -m cellsift.benchmarks.verdicts`.

Writes reports/verdicts.md.
"""

import argparse
import sys
from itertools import product
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from cellsift.benchmarks.machine import machine
from cellsift.benchmarks.verdicts.page import describe
from cellsift.benchmarks.verdicts.trials import trials
from cellsift.io.atomic import atomic_file

BRAINS = (1, 2, 3, 5, 6, 8, 12)
BETTER = (0.0, 1.0)
# Of an arm that is better, so many times fewer comparisons tell enough.
FEWER = 5


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m cellsift.benchmarks.verdicts", description=__doc__
    )
    parser.add_argument("--repetitions", type=int, default=500, help="of each number of brains")
    parser.add_argument("--page", type=Path, default=Path("reports", "verdicts.md"))
    options = parser.parse_args(arguments)
    rows = [
        row
        for brains, better in tqdm(list(product(BRAINS, BETTER)))
        for row in trials(brains, better, -(-options.repetitions // (FEWER if better else 1)), 1)
    ]
    about = (
        f"{machine()} {options.repetitions} comparisons for each row, where an arm is better a "
        "fifth of them."
    )
    with atomic_file(options.page) as beside:
        beside.write_text(describe(pd.DataFrame(rows), about))
    print(f"The page is in {options.page}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
