"""Rehearse a whole brain: `python -m cellsift.rehearsal FOLDER [--voxels 1e10] [--method dog]`.

Writes report.md and rehearsal.json to the folder, and takes away what it worked on.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from cellsift.errors import InputError
from cellsift.io.cores import available_cores
from cellsift.io.whole import whole_file, write_json
from cellsift.rehearsal import steps
from cellsift.rehearsal.brain import brain_shape, write_tile
from cellsift.rehearsal.extrapolation import extrapolate
from cellsift.rehearsal.measuring import measured
from cellsift.rehearsal.report import describe


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m cellsift.rehearsal", description=__doc__)
    parser.add_argument("folder", type=Path, help="folder for the report")
    parser.add_argument("--voxels", type=float, default=1e10, help="size of the made-up brain")
    parser.add_argument("--method", choices=sorted(steps.DETECTION), default="dog")
    parser.add_argument("--memory-gb", type=float, default=2.0, help="data that cuboids may hold")
    options = parser.parse_args(arguments)
    try:
        memory_bytes = int(options.memory_gb * 1e9)
        rehearsal = rehearse(options.folder, options.voxels, options.method, memory_bytes)
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    page = describe(rehearsal)
    write_json(rehearsal, options.folder / "rehearsal.json")
    with whole_file(options.folder / "report.md") as beside:
        beside.write_text(page)
    print(page)
    return 0


def rehearse(folder: Path, voxels: float, method: str, memory_bytes: int) -> dict:
    """Run all steps on a made-up brain of about so many voxels; return what they took.

    `memory_bytes` bounds what cuboids hold. What is worked on lies under `folder` meanwhile:
    cuboids above all, about 50 kB for each candidate.
    """
    shape = brain_shape(voxels)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".work-") as name:
        work = Path(name)
        write_tile(work)
        plan = {
            "read": (steps.read_planes, voxels),
            "detect": (steps.detect_candidates, voxels, method),
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
        "memory_bytes": memory_bytes,
        "steps": found,
        "whole_brain": extrapolate(found, found["read"]["voxels"], memory_bytes),
    }


if __name__ == "__main__":
    sys.exit(main())
