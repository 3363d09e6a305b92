"""How far a job is: a small file beside its log, written by the job, read by the main process.

It lies on the disk that both see, on a cluster too.
"""

import json
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

SUFFIX = ".progress.json"
# Seconds between two notes of a job.
BETWEEN = 5


@dataclass(frozen=True)
class JobProgress:
    """How far a job is.

    Attributes:
        begun: seconds since 1970 at which the job's own work began.
        seconds: what all of it took; None while it is at work.
        unit: what is counted, such as "epoch"; empty where nothing is.
        done: units that are done, also parts of one.
        total: units there are at most.
        left: seconds that the others will take; None while unknown.
    """

    begun: float
    seconds: float | None = None
    unit: str = ""
    done: float = 0
    total: int = 0
    left: float | None = None


class ProgressNotes:
    """Notes how far the job with this log is; what cannot be written is left out."""

    def __init__(self, log: str | Path):
        self._file = progress_file(log)
        self._begun, self._clock = time.time(), time.monotonic()

    def begun(self) -> None:
        """Note that the work begins."""
        self._write(JobProgress(self._begun))

    def ended(self) -> None:
        """Note that the work is done, and how long it took."""
        self._write(JobProgress(self._begun, seconds=time.monotonic() - self._clock))

    def counted(self, unit: str, between: float = BETWEEN) -> Callable[[float, int], None]:
        """A function to be called with the units done, also parts of one, and their number.

        It may be called often: it writes at most every `between` seconds. What was done at its
        first call was done by an earlier start, and does not tell how quick this one is.
        """
        first: tuple[float, float] | None = None
        written = -float("inf")

        def note(done: float, total: int) -> None:
            nonlocal first, written
            now = time.monotonic()
            first = first or (now, done)
            if now - written < between and done < total:
                return
            written = now
            each = (now - first[0]) / (done - first[1]) if done > first[1] else None
            left = None if each is None else each * (total - done)
            self._write(JobProgress(self._begun, None, unit, done, total, left))

        return note

    def _write(self, progress: JobProgress) -> None:
        # Whole or not at all, but not forced onto the disk: it is of no use after a crash.
        beside = self._file.with_suffix(".tmp")
        with suppress(OSError):
            beside.write_text(json.dumps(asdict(progress)))
            os.replace(beside, self._file)


def progress_file(log: str | Path) -> Path:
    """The file in which the job with this log notes how far it is."""
    return Path(log).with_suffix(SUFFIX)


def read_progress(log: str | Path) -> JobProgress | None:
    """How far the job with this log is; None if it has not begun, or that cannot be read."""
    try:
        return JobProgress(**json.loads(progress_file(log).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def remove_progress(folder: str | Path) -> None:
    """Remove what jobs with logs in `folder`, or below it, have noted."""
    # A job that was killed may have left a half-written one.
    unfinished = Path(SUFFIX).with_suffix(".tmp").name
    for path in [p for name in (SUFFIX, unfinished) for p in Path(folder).rglob(f"*{name}")]:
        with suppress(OSError):
            path.unlink()
