"""Measure what every arm of config/arms costs: `python -m cellsift.benchmarks.costs [ARM ...]`.

Writes reports/costs.csv, in which the rows of arms and devices that were not measured now stay,
and reports/costs.md, the same for reading.
"""

import argparse
import sys
from pathlib import Path

from cellsift.benchmarks.costs.page import describe
from cellsift.benchmarks.costs.table import CHANNELS, SHAPE, add_row, measure_arm
from cellsift.benchmarks.rehearsal.measuring import measured
from cellsift.errors import InputError
from cellsift.inference.device import choose_device
from cellsift.io.atomic import atomic_file
from cellsift.project.arms import ARMS, read_arm
from cellsift.settings.arms import Arm


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m cellsift.benchmarks.costs", description=__doc__
    )
    parser.add_argument("arms", nargs="*", help="arms to measure; default: all")
    parser.add_argument("--folder", type=Path, default=Path("reports"))
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads")
    options = parser.parse_args(arguments)
    try:
        choose_device(options.device)
        arms = [_network(name) for name in options.arms or networks()]
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    for arm in arms:
        row = measured(measure_arm, arm, options.device, options.threads)
        table = add_row(options.folder / "costs.csv", row)
        print(f"{arm.name}: {row['cuboids_per_second']:.0f} cuboids/s", file=sys.stderr, flush=True)
    with atomic_file(options.folder / "costs.md") as beside:
        beside.write_text(describe(table, CHANNELS, SHAPE))
    print(f"The table is in {options.folder / 'costs.md'}")
    return 0


def networks() -> list[str]:
    """Return the names of all arms that are networks of their own."""
    names = sorted(path.stem for path in ARMS.glob("*.yaml"))
    return [name for name in names if not read_arm(name).members]


def _network(name: str) -> Arm:
    arm = read_arm(name)
    if arm.members:
        raise InputError(
            f"the arm {name!r} costs what its members cost: measure {', '.join(arm.members)}"
        )
    return arm


if __name__ == "__main__":
    sys.exit(main())
