"""The CPU: how many of its cores this process may use, for all that works in threads; its name."""

import os
import platform
import sys
from pathlib import Path

import dask
import zarr

# Of this process, by `limit_cores`.
_most_cores = sys.maxsize


def limit_cores(cores: int) -> None:
    """Let this process work in so many threads at most: those that its job was given.

    Detection asks `available_cores`; planes and chunks are read by so many threads of dask, and
    decoded by so many of zarr, if it is called before the first chunk is read.
    """
    global _most_cores
    _most_cores = cores
    dask.config.set(num_workers=available_cores())
    zarr.config.set({"threading.max_workers": available_cores()})


def available_cores() -> int:
    """How many CPU cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return min(len(os.sched_getaffinity(0)), _most_cores)
    return min(os.cpu_count() or 1, _most_cores)


def processor_name() -> str:
    """What the CPU's maker calls it; where the system does not say, its architecture."""
    known = Path("/proc/cpuinfo")
    lines = known.read_text().splitlines() if known.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
