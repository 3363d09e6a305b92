"""The rows of the table of costs: measured, and kept by arm and device."""

import datetime
from pathlib import Path

import pandas as pd

from cellsift.benchmarks.costs.training_cost import seconds_per_epoch
from cellsift.inference.cost import measure_cost
from cellsift.io.cores import processor_name
from cellsift.io.tables import read_table, write_table
from cellsift.settings.arms import Arm

CHANNELS, SHAPE, VOXEL_SIZE = 2, (20, 50, 50), (5.0, 1.0, 1.0)
KEY = ["arm", "device", "threads"]
COLUMNS = [
    *KEY,
    "date",
    "parameters",
    "flops_per_cuboid",
    "training_seconds_per_1000_cuboids",
    "cuboids_per_second",
    "classifying_memory_mb",
]


def measure_arm(arm: Arm, device: str, threads: int) -> dict:
    """Return a row of the table: what `measure_cost` gives, and what training takes."""
    found = measure_cost(
        arm.architecture, arm.options, CHANNELS, SHAPE, device=device, threads=threads
    )
    epoch = seconds_per_epoch(arm, CHANNELS, SHAPE, VOXEL_SIZE, device=device, threads=threads)
    return {
        "arm": arm.name,
        "device": _named(found["device"]),
        "threads": threads,
        "date": datetime.date.today().isoformat(),
        "parameters": found["parameters"],
        "flops_per_cuboid": found["flops_per_cuboid"],
        "training_seconds_per_1000_cuboids": round(epoch, 2),
        "cuboids_per_second": found["cuboids_per_second"],
        "classifying_memory_mb": found["peak_memory_mb"],
    }


def _named(device: str) -> str:
    """A device with its maker's name, which torch tells of GPUs alone."""
    return f"cpu: {processor_name()}" if device == "cpu" else device


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
