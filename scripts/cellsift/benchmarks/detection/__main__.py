"""Measure how well the search for a detector chooses: `python -m cellsift.benchmarks.detection`.

Writes reports/detection.md. On made-up brains, on one repeated until it is large, and on real
volumes where $CELLSIFT_DATA names their folder; each time on some, tried on the others.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from cellsift.benchmarks.detection.lengths import describe_lengths, try_lengths
from cellsift.benchmarks.detection.page import describe
from cellsift.benchmarks.detection.splits import Outcome, try_split
from cellsift.benchmarks.detection.volumes import (
    Annotated,
    chosen,
    data_folder,
    halves,
    phantoms,
    real_volumes,
    tiled,
)
from cellsift.benchmarks.machine import machine
from cellsift.io.atomic import atomic_file
from cellsift.settings.files import REPOSITORY

# What is searched on, and what it is tried on.
SPLITS = (
    (("c-Fos 695", "c-Fos 1147"), ("c-Fos 1008",)),
    (("c-Fos 695", "c-Fos 1008"), ("c-Fos 1147",)),
    (("c-Fos 1008", "c-Fos 1147"), ("c-Fos 695",)),
    (
        ("embryo 110", "embryo 145"),
        ("embryo 62", "embryo 90", "embryo 125", "embryo 165", "embryo 175"),
    ),
    (("embryo 90", "embryo 165"), ("embryo 110", "embryo 125", "embryo 145", "embryo 175")),
    (("embryo 125",), ("embryo 90", "embryo 110", "embryo 145", "embryo 165", "embryo 175")),
    (("microglia upper half",), ("microglia lower half",)),
    (("microglia lower half",), ("microglia upper half",)),
    (("phantom 11", "phantom 12"), ("phantom 13",)),
)
# Of each, repeated, is made a large brain: of one cellfinder's detection suits, of the other dog.
LARGE = ("phantom 11", "c-Fos 1008")


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m cellsift.benchmarks.detection", description=__doc__
    )
    parser.add_argument("--voxels", type=float, default=1e9, help="of large brains; 0: none")
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--page", type=Path, default=REPOSITORY / "reports" / "detection.md")
    options = parser.parse_args(arguments)
    volumes = real_volumes(data_folder()) | phantoms()
    if whole := volumes.get("microglia"):
        upper, lower = halves(whole)
        volumes |= {"microglia upper half": upper, "microglia lower half": lower}
    outcomes = list(_outcomes(volumes, options.trials))
    large = dict(_large(volumes, options)) if options.voxels else {}
    with atomic_file(options.page) as beside:
        page = describe(outcomes, large, options.trials, machine())
        beside.write_text(page + "\n" + describe_lengths(list(try_lengths(volumes))))
    print(f"The page is {options.page}")
    return 0


def _outcomes(volumes: dict[str, Annotated], trials: int) -> Iterator[Outcome]:
    for train, left_out in SPLITS:
        if not {*train, *left_out} <= set(volumes):
            continue
        print(f"search on {', '.join(train)}", file=sys.stderr, flush=True)
        yield try_split(chosen(volumes, train), chosen(volumes, left_out), trials)


def _large(
    volumes: dict[str, Annotated], options: argparse.Namespace
) -> Iterator[tuple[str, Outcome]]:
    for name in LARGE:
        if name in volumes:
            print(f"search on {options.voxels:g} voxels, {name}", file=sys.stderr, flush=True)
            yield (
                name,
                try_split({"large": tiled(volumes[name], options.voxels)}, {}, options.trials),
            )


if __name__ == "__main__":
    sys.exit(main())
