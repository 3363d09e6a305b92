"""The CPU: how many of its cores this process may use, for all that works in threads; its name."""

import os
import platform
from pathlib import Path


def available_cores(most: int | None = None) -> int:
    """How many CPU cores this process may use, and no more than `most`, if that is given."""
    has_affinity = hasattr(os, "sched_getaffinity")
    free = len(os.sched_getaffinity(0)) if has_affinity else os.cpu_count() or 1
    return free if most is None else min(free, most)


def processor_name() -> str:
    """What the CPU's maker calls it; where the system does not say, its architecture."""
    known = Path("/proc/cpuinfo")
    lines = known.read_text().splitlines() if known.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
