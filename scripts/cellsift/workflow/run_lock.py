"""One run at a time in a folder, and for its results: locks that live as long as their process."""

import fcntl
import os
from contextlib import suppress
from os import PathLike
from pathlib import Path

from cellsift.errors import CLOSED, FULL, InputError
from cellsift.results import Results

STATE = Path(".snakemake")


def try_to_lock_working_directory() -> bool:
    """Take the working directory's lock for as long as this process lives; False if another has it.

    It is held on when the process becomes another program, may be taken again by the process that
    has it, and is given back by the system even if that is killed: so, unlike Snakemake's marks, it
    tells a run that is at work from one that was killed. Raises OSError on a disk without locks.
    """
    return _take(STATE / "run.lock")


def lock_working_directory() -> bool:
    """Take the working directory's lock, or raise InputError if another run is at work there.

    False on a disk without locks, where nobody is refused. Raises InputError for a folder that
    cannot be written to, too: Snakemake keeps its notes there.
    """
    try:
        alone = try_to_lock_working_directory()
    except OSError as problem:
        if problem.errno in FULL | CLOSED:
            raise InputError(
                f"{Path.cwd()}: the folder that a run is started in has to be writable, but here: "
                f"{problem.strerror}. Free some space, give yourself the permission, or start the "
                "run in a copy of the repository on another disk."
            ) from problem
        return False
    if not alone:
        raise InputError(
            "Another run is at work in this folder: wait for it, end it first, or start this one "
            "in another copy of the repository."
        )
    return True


def try_to_lock_results(results: str | PathLike[str]) -> bool:
    """Take the lock of a folder of results for as long as this process lives; False as above.

    Raises OSError where the disk has no locks, or the folder cannot be written to.
    """
    return _take(Results(results).lock)


def lock_results(results: str | PathLike[str]) -> None:
    """Take the lock of a folder of results, or raise InputError if another checkout's run has it.

    Where the disk has no locks, or the folder cannot be written to, nobody is refused.
    """
    alone = True
    with suppress(OSError):
        alone = try_to_lock_results(results)
    if not alone:
        raise InputError(
            f"Another run, started in another folder, is at work on the results in {results}: wait "
            "for it, end it first, or set results in the config to a folder of this run's own."
        )


def _take(path: Path) -> bool:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Never closed: that would give the lock back.
    lock = os.open(path, os.O_CREAT | os.O_RDWR)
    os.set_inheritable(lock, True)
    try:
        fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True
