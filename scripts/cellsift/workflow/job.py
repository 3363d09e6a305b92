"""What every rule's script has in common: where its output goes, and how it ends."""

import atexit
import ctypes
import gc
import os
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from cellsift.errors import InputError, disk_trouble
from cellsift.workflow.progress_file import ProgressNotes
from cellsift.workflow.remarks import REMARK

# Libraries leave next to no garbage while they load, and to look for it takes a tenth of the time.
# So a rule's script imports this module before all others of the package; `job` looks again.
if type(getattr(sys.modules["__main__"], "snakemake", None)).__name__ == "Snakemake":
    gc.disable()

# Of a job's memory, what data may take; the rest is for Python and its libraries.
SHARE_FOR_DATA = 0.7
CUT_OFF = (
    "this could not be written to its end. Free some space there, or set results in the config to "
    "a folder on another disk, then start the run again"
)
# The wildcards that a message names; the others are of no concern to the user.
NAMED = ("brain", "arm", "ensemble", "fold", "study", "pretraining")


@contextmanager
def job(
    log: str | Path, wildcards: Mapping[str, str] | None = None
) -> Iterator[Callable[[str], None]]:
    """Run a rule's work with all its output, also that of libraries, in the rule's log.

    An InputError is shown in the terminal as its message alone, a failing disk as what to do about
    it; of any other error the terminal gets the last line and the log the rest. The message begins
    with the brain, arm or ensemble and fold among `wildcards`. It is the last line of the log as
    well, after "Error: ". Either way the process ends with exit code 1. That the work has begun,
    and how long it took, is noted beside the log.

    The process ends here with exit code 0, too, once the work is done: a script has nothing after.

    Yields a function that shows the user a remark in the terminal, and keeps it in the log.
    """
    gc.freeze()
    gc.enable()
    terminal = os.fdopen(os.dup(2), "w")
    logged, notes = False, ProgressNotes(log)

    def tell(remark: str) -> None:
        # In the log as well, whence a run on a cluster shows it.
        for file in (sys.stdout, terminal):
            print(f"{REMARK}{remark}", file=file, flush=True)

    try:
        with Path(log).open("w") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        logged = True
        notes.begun()
        yield tell
        sys.stdout.flush()
        notes.ended()
    except Exception as problem:
        message = _named(_message(problem), wildcards or {})
        known = isinstance(problem, InputError)
        more = "" if known or not logged else f"(more in {log})\n"
        print(f"\nError: {message}\n{more}", file=terminal, flush=True)
        if logged:
            _log_failure(message, "" if known else traceback.format_exc())
        sys.exit(1)
    finally:
        _flush()
    if not _end_libraries():
        # Nothing else would say why the job has failed.
        print(f"\nError: {log}: {CUT_OFF}.\n", file=terminal, flush=True)
        os._exit(1)
    os._exit(0)


def _flush() -> bool:
    """Write out what is printed; returns whether the log could take it."""
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        return False
    return True


def _end_libraries() -> bool:
    """Let libraries write what they have left, as at the end of a process; whether they could.

    What follows ends the process at once. Python would take its libraries apart object by object,
    up to half a second of a job.
    """
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    written = _flush()
    # What libraries in C have printed into a file may still be with them.
    return ctypes.CDLL(None).fflush(None) == 0 and written


def _log_failure(message: str, details: str) -> None:
    # The log may lie on the disk that fails.
    with suppress(OSError):
        sys.stdout.flush()
        # A progress bar may have left its line open.
        print(f"\n{details}\nError: {message}", file=sys.stderr)


def wanted_device(snakemake) -> str:
    """Where a job's network has to run: auto, cpu or cuda.

    A job that asked its scheduler for a GPU insists on one, unless the config says `device: cpu`.
    """
    device = snakemake.config.get("device", "auto")
    return "cuda" if device == "auto" and _asked_for_gpu(snakemake) else device


def device_of_filters(snakemake) -> str:
    """Where a job's filters may run, which need no GPU: auto or cpu.

    A GPU that is seen within SLURM may be another job's, unless this one asked for it.
    """
    if "SLURM_JOB_ID" in os.environ and not _asked_for_gpu(snakemake):
        return "cpu"
    return "cpu" if wanted_device(snakemake) == "cpu" else "auto"


def memory_for_data(snakemake) -> int:
    """Bytes of data that a job may hold: a share of the memory that its rule or profile gives."""
    return int(snakemake.resources.mem_mb * 1e6 * SHARE_FOR_DATA)


def _asked_for_gpu(snakemake) -> bool:
    resources = snakemake.resources
    return bool(resources.get("gpu", 0)) or "gpu" in str(resources.get("gres", ""))


def _message(problem: Exception) -> str:
    if isinstance(problem, InputError):
        return str(problem)
    if trouble := disk_trouble(problem):
        file = getattr(problem, "filename", None)
        return f"{file}: {trouble}." if file else f"{trouble}."
    return traceback.format_exception_only(problem)[-1].strip()


def _named(message: str, wildcards: Mapping[str, str]) -> str:
    # Snakemake's wildcards are a list, of which only items() knows the names.
    given = dict(wildcards.items())
    names = [_name(kind, given[kind]) for kind in NAMED if kind in given]
    if not names or message.startswith(names[0]):
        return message
    return f"{', '.join(names)}: {message}"


def _name(kind: str, value: str) -> str:
    # A fold is called as its files are.
    return f"fold-{value}" if kind == "fold" else f"{kind} {value}"
