"""Measure how often the alarm for a foreign brain is raised: `python -m cellsift.benchmarks.alarm`.

Writes reports/alarm.md. Real volumes are looked for where CELLSIFT_DATA says.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

from cellsift.benchmarks.alarm.models import Bench, cohort_spread, numbers_of_annotated
from cellsift.benchmarks.alarm.page import describe
from cellsift.benchmarks.alarm.specimens import Cohort, phantom_cohort, real_cohorts
from cellsift.benchmarks.alarm.trials import (
    DRAWS,
    IN_TURN,
    in_cohort,
    in_turn,
    on_larger_nuclei,
    on_others,
)
from cellsift.benchmarks.machine import machine
from cellsift.errors import InputError
from cellsift.io.atomic import atomic_file

# Cohorts of which it is told how their numbers differ, beside the made-up one.
SPREAD_OF = ("cfos", "embryo")


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m cellsift.benchmarks.alarm", description=__doc__
    )
    parser.add_argument("--animals", type=int, default=22, help="brains of the made-up cohort")
    parser.add_argument("--page", type=Path, default=Path("reports", "alarm.md"))
    options = parser.parse_args(arguments)
    begun = time.monotonic()

    def tell(said: str) -> None:
        print(f"{time.monotonic() - begun:5.0f} s  {said}", file=sys.stderr, flush=True)

    folder = os.environ.get("CELLSIFT_DATA")
    try:
        cohorts = real_cohorts(Path(folder)) if folder else {}
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as scratch:
        bench = Bench(Path(scratch))
        made_up = in_cohort(bench, phantom_cohort(options.animals, channels=2), DRAWS, tell)
        real = [
            t for name in IN_TURN if name in cohorts for t in in_turn(bench, cohorts[name], tell)
        ]
        foreign = cohorts | {"phantom": phantom_cohort(4, channels=1)} if cohorts else {}
        others = list(on_others(bench, foreign, tell))
        embryo = cohorts.get("embryo")
        doubles = [] if embryo is None else on_larger_nuclei(bench, embryo, tell)
        spreads = {"phantom": made_up.spread}
        spreads |= {n: _spread(bench, cohorts[n]) for n in SPREAD_OF if n in cohorts}
    about = f"{machine()} {options.animals} made-up animals."
    with atomic_file(options.page) as beside:
        beside.write_text(describe(made_up.trials, real, others, spreads, about, doubles))
    print(f"The page is in {options.page}")
    return 0


def _spread(bench: Bench, cohort: Cohort) -> pd.Series:
    """How brains look beside each other, and how their annotated cells lie; no arm has a say."""
    threshold = bench.threshold(cohort.method, cohort.specimens)
    prepared = [bench.prepare(cohort.method, s, threshold) for s in cohort.specimens]
    return cohort_spread(map(numbers_of_annotated, prepared))


if __name__ == "__main__":
    sys.exit(main())
