"""How long a step takes and how much memory: each in a process of its own."""

import multiprocessing
import resource
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path


def measured(step: Callable[..., dict], *arguments) -> dict:
    """Run a step in a fresh process; return what it returns with these added:

    - seconds: without the start of the process;
    - memory_before: bytes the process held when the step began, which is Python and libraries;
    - peak_memory: the most bytes it held.
    """
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=1, mp_context=context) as pool:
        return pool.submit(_measured_here, step, arguments).result()


def _measured_here(step: Callable[..., dict], arguments: tuple) -> dict:
    before, started = _peak_memory(), time.perf_counter()
    result = step(*arguments)
    seconds = time.perf_counter() - started
    return result | {
        "seconds": round(seconds, 3),
        "memory_before": before,
        "peak_memory": _peak_memory(),
    }


def _peak_memory() -> int:
    # Of Linux's two figures this one starts anew with the process; the other has its parent's peak.
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
