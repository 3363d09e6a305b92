"""What every rule's script has in common: where its output goes, and how it fails."""

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cellsift.errors import InputError

# Of a job's memory, what data may take; the rest is for Python and its libraries.
SHARE_FOR_DATA = 0.7


@contextmanager
def job(log: str | Path) -> Iterator[None]:
    """Run a rule's work with all its output, also that of libraries, in the rule's log.

    An InputError is shown in the terminal as its message alone; of any other error the terminal
    gets the last line and the log the rest. Either ends the process with exit code 1.
    """
    terminal = os.fdopen(os.dup(2), "w")
    with Path(log).open("w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
        try:
            yield
        except InputError as problem:
            print(f"Error: {problem}", file=sys.stderr)
            print(f"\nError: {problem}\n", file=terminal, flush=True)
            sys.exit(1)
        except Exception as problem:
            traceback.print_exc()
            last = traceback.format_exception_only(problem)[-1].strip()
            print(f"\nError: {last}\n(more in {log})\n", file=terminal, flush=True)
            sys.exit(1)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()


def wanted_device(snakemake) -> str:
    """Where a job's network has to run: auto, cpu or cuda.

    A job that asked its scheduler for a GPU insists on one, unless the config says `device: cpu`.
    """
    device = snakemake.config.get("device", "auto")
    return "cuda" if device == "auto" and snakemake.resources.get("gpu", 0) else device


def memory_for_data(snakemake) -> int:
    """Bytes of data that a job may hold: a share of the memory that its rule or profile gives."""
    return int(snakemake.resources.mem_mb * 1e6 * SHARE_FOR_DATA)
