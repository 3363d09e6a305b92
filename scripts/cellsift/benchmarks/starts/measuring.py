"""What a command takes: CPU seconds of it and all its children, and time on the clock."""

import os
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cellsift.errors import InputError

# Of a command that failed, so many lines of what it said.
SHOWN_LINES = 15


@dataclass(frozen=True)
class Took:
    """CPU seconds, user and system together, and seconds on the clock."""

    cpu: float
    wall: float


def timed(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> Took:
    """Run a command in a folder to its end; what it took, with all children that it waited for.

    Raises InputError, with its last words, for one that does not end with 0.
    """
    with tempfile.TemporaryFile() as said:
        started = time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
        )
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
        # It was waited for already.
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said.seek(0)
            lines = said.read().decode(errors="replace").strip().splitlines()[-SHOWN_LINES:]
            shown = " ".join(Path(part).name for part in command[:4])
            raise InputError(f"{shown} ... ended with {process.returncode}:\n" + "\n".join(lines))
    return Took(used.ru_utime + used.ru_stime, wall)
