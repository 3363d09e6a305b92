"""Measure what every arm of config/models costs: `python -m cellsift.costs [ARM ...]`.

Writes reports/costs.csv, in which the rows of arms and devices that were not measured now stay,
and reports/costs.md, the same for reading.
"""

import argparse
import datetime
import sys
from pathlib import Path

import pandas as pd

from cellsift.configuration import MODELS, Arm, read_arm
from cellsift.costs.page import describe
from cellsift.costs.training_cost import seconds_per_epoch
from cellsift.errors import InputError
from cellsift.inference.cost import measure_cost
from cellsift.io.whole import read_table, whole_file, write_table
from cellsift.rehearsal.measuring import measured
from cellsift.training.device import choose_device

CHANNELS, SHAPE, VOXEL_SIZE = 2, (20, 50, 50), (5.0, 1.0, 1.0)
KEY = ["arm", "device", "threads"]


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m cellsift.costs", description=__doc__)
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
    with whole_file(options.folder / "costs.md") as beside:
        beside.write_text(describe(table, CHANNELS, SHAPE))
    print(f"The table is in {options.folder / 'costs.md'}")
    return 0


def networks() -> list[str]:
    """Return the names of all arms that are networks of their own."""
    names = sorted(path.stem for path in MODELS.glob("*.yaml"))
    return [name for name in names if not read_arm(name).members]


def _network(name: str) -> Arm:
    arm = read_arm(name)
    if arm.members:
        raise InputError(
            f"the arm {name!r} costs what its members cost: measure {', '.join(arm.members)}"
        )
    return arm


def measure_arm(arm: Arm, device: str, threads: int) -> dict:
    """Return a row of the table: what `measure_cost` gives, and what training takes."""
    found = measure_cost(
        arm.architecture, arm.options, CHANNELS, SHAPE, device=device, threads=threads
    )
    epoch = seconds_per_epoch(arm, CHANNELS, SHAPE, VOXEL_SIZE, device=device, threads=threads)
    return {
        "arm": arm.name,
        "device": found["device"],
        "threads": threads,
        "date": datetime.date.today().isoformat(),
        "parameters": found["parameters"],
        "flops_per_cuboid": found["flops_per_cuboid"],
        "training_seconds_per_1000_cuboids": round(epoch, 2),
        "cuboids_per_second": found["cuboids_per_second"],
        "classifying_memory_mb": found["peak_memory_mb"],
    }


def add_row(path: Path, row: dict) -> pd.DataFrame:
    """Put a row into the table at a path, in place of an older one of its arm and device."""
    new = pd.DataFrame([{key: value for key, value in row.items() if key in COLUMNS}])
    if path.exists():
        old = read_table(path)
        same = (old[KEY].astype(str) == new[KEY].astype(str).iloc[0]).all(axis=1)
        new = pd.concat([old[~same], new])
    table = new[COLUMNS].sort_values(KEY, ignore_index=True)
    write_table(table, path)
    return table


COLUMNS = [
    *KEY,
    "date",
    "parameters",
    "flops_per_cuboid",
    "training_seconds_per_1000_cuboids",
    "cuboids_per_second",
    "classifying_memory_mb",
]


if __name__ == "__main__":
    sys.exit(main())
