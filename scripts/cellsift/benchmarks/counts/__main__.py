"""Measure what it takes to count finished brains: `python -m cellsift.benchmarks.counts`.

Writes reports/counts.md. Measured is a copy of what git knows of this checkout, in a temporary
folder, with the libraries that are installed here: keep the machine quiet meanwhile.
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

import pandas as pd

from cellsift.benchmarks.counts.page import Counted, describe
from cellsift.benchmarks.counts.project import write_project
from cellsift.benchmarks.machine import machine
from cellsift.benchmarks.starts.checkout import Side, copied
from cellsift.benchmarks.starts.finished import finish
from cellsift.errors import InputError
from cellsift.io.atomic import atomic_file
from cellsift.results import Results
from cellsift.settings.files import REPOSITORY


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m cellsift.benchmarks.counts", description=__doc__
    )
    parser.add_argument("--brains", type=int, default=10, help="to be counted")
    parser.add_argument("--candidates", type=int, default=100_000, help="of each brain")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--page", type=Path, default=REPOSITORY / "reports" / "counts.md")
    options = parser.parse_args(arguments)
    try:
        if min(options.brains, options.cores) < 1 or options.candidates < 1000:
            raise InputError("--brains and --cores have to be 1 or more, --candidates 1000 or more")
        with tempfile.TemporaryDirectory(prefix="counts-") as name:
            side = copied("this", REPOSITORY, Path(name, "this"))
            found = [
                measure(side, options.brains, options.candidates, options.cores, labelled)
                for labelled in (False, True)
            ]
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    page = describe(found, options.candidates, options.cores, machine(), side.revision)
    with atomic_file(options.page) as beside:
        beside.write_text(page)
    print(f"The page is {options.page}")
    return 0


def measure(side: Side, brains: int, candidates: int, cores: int, labelled: bool) -> Counted:
    """What it takes to count so many brains, with or without labels of them.

    Raises InputError where a command fails, or does more than to count.
    """
    folder = side.folder / ("labelled" if labelled else "unlabelled")
    print(f"{folder.name}: the project is prepared", file=sys.stderr, flush=True)
    config, counts = write_project(folder, side.folder, brains, candidates, labelled)
    finish(side, config)
    results = Results(folder / "results")
    # Empty ones, by which the jobs of the run could not be told.
    shutil.rmtree(results.logs, ignore_errors=True)
    for path in counts:
        path.unlink()
    print(f"{folder.name}: {brains} brains are counted", file=sys.stderr, flush=True)
    took = side.python(
        *("-m", "snakemake", *(str(path.relative_to(side.folder)) for path in counts)),
        *("--cores", str(cores), "--configfile", str(config)),
    )
    if others := {path.name for path in results.logs.iterdir()} - {"count"}:
        raise InputError(f"{side.folder}: the run did more than to count: {', '.join(others)}")
    jobs = [
        pd.read_csv(results.benchmark("count", path.parent.name), sep="\t").iloc[0]
        for path in counts
    ]
    return Counted(labelled, took, [job["s"] for job in jobs], [job["max_rss"] for job in jobs])


if __name__ == "__main__":
    sys.exit(main())
