"""Rehearse a whole brain, made up as it is read.

`python -m cellsift.benchmarks.rehearsal FOLDER [--voxels 1e10] [--method dog]`

Writes report.md and rehearsal.json to the folder, and takes away what it worked on. With
`--describe` nothing is measured: the report is written anew from the rehearsal.json that is there.
"""

import argparse
import datetime
import sys
import tempfile
from pathlib import Path
from typing import Any

from cellsift.workflow.job import SHARE_FOR_DATA
from cellsift.benchmarks.rehearsal import steps
from cellsift.benchmarks.rehearsal.brain import brain_shape, write_tile
from cellsift.benchmarks.rehearsal.extrapolation import extrapolate
from cellsift.benchmarks.rehearsal.measuring import measured
from cellsift.benchmarks.rehearsal.report import describe
from cellsift.detection import list_detectors
from cellsift.errors import InputError
from cellsift.io.atomic import atomic_file
from cellsift.io.cores import available_cores, processor_name
from cellsift.io.json_files import read_json, write_json

NAME = "rehearsal.json"
# What a job of detection has for data at the first try, by the SLURM profile.
DETECTION_GB = 32 * SHARE_FOR_DATA


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m cellsift.benchmarks.rehearsal", description=__doc__
    )
    parser.add_argument("folder", type=Path, help="folder for the report")
    parser.add_argument("--voxels", type=float, default=1e10, help="size of the made-up brain")
    parser.add_argument("--method", choices=list_detectors(), default="dog")
    parser.add_argument("--memory-gb", type=float, default=2.0, help="data that cuboids may hold")
    parser.add_argument(
        "--detection-memory-gb", type=float, default=DETECTION_GB, help="and detection"
    )
    parser.add_argument("--describe", action="store_true", help="measure nothing, report anew")
    options = parser.parse_args(arguments)
    try:
        if not options.describe:
            rehearsal = rehearse(
                options.folder,
                options.voxels,
                options.method,
                memory_bytes=int(options.memory_gb * 1e9),
                detection_bytes=int(options.detection_memory_gb * 1e9),
            )
            write_json(rehearsal, options.folder / NAME)
        print(write_report(options.folder))
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def rehearse(
    folder: Path, voxels: float, method: str, memory_bytes: int, detection_bytes: int
) -> dict:
    """Run all steps on a made-up brain of about so many voxels; return what they took.

    `memory_bytes` bounds what cuboids hold, `detection_bytes` what detection does. What is worked
    on lies under `folder` meanwhile: cuboids above all, about 50 kB for each candidate. Raises
    InputError where a step cannot work in its memory.
    """
    shape = brain_shape(voxels)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".work-") as name:
        work = Path(name)
        write_tile(work)
        plan: dict[str, tuple[Any, ...]] = {
            "read": (steps.read_planes, voxels),
            "detect": (steps.detect_candidates, voxels, method, detection_bytes),
            "cuboids": (steps.cut_cuboids, voxels, memory_bytes),
            "classify": (steps.classify_candidates,),
            "project": (steps.project_volumes, voxels),
        }
        found = {}
        for step, (function, *more) in plan.items():
            found[step] = measured(function, work, *more)
            print(f"{step}: {found[step]['seconds']:.0f} s", file=sys.stderr, flush=True)
    return {
        "voxels": found["read"]["voxels"],
        "shape": list(shape),
        "method": method,
        "cores": available_cores(),
        "processor": processor_name(),
        "date": datetime.date.today().isoformat(),
        "memory_bytes": memory_bytes,
        "detection_bytes": detection_bytes,
        "steps": found,
    }


def write_report(folder: Path) -> str:
    """Write the report on the rehearsal that was measured in a folder, and return it.

    What it says of a whole brain goes into the measurement's file, too. Raises InputError where
    there is no measurement.
    """
    try:
        rehearsal = read_json(folder / NAME)
        known = {name: rehearsal[name] for name in ("steps", "shape", "method", "memory_bytes")}
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise InputError(
            f"{folder / NAME}: no rehearsal can be read there ({error!r}); run one without "
            "--describe first"
        ) from error
    rehearsal |= {"whole_brain": extrapolate(**known)}
    page = describe(rehearsal)
    write_json(rehearsal, folder / NAME)
    with atomic_file(folder / "report.md") as beside:
        beside.write_text(page)
    return page


if __name__ == "__main__":
    sys.exit(main())
