"""One run at a time in a folder: a lock that lives as long as the process that holds it."""

import fcntl
import os
from pathlib import Path

from cellsift.errors import CLOSED, FULL, InputError

STATE = Path(".snakemake")


def take_run_lock() -> bool:
    """Take the working directory's lock for as long as this process lives; False if another has it.

    It is held on when the process becomes another program, may be taken again by the process that
    has it, and is given back by the system even if that is killed: so, unlike Snakemake's marks, it
    tells a run that is at work from one that was killed. Raises OSError on a disk without locks.
    """
    STATE.mkdir(exist_ok=True)
    # Never closed: that would give the lock back.
    lock = os.open(STATE / "run.lock", os.O_CREAT | os.O_RDWR)
    os.set_inheritable(lock, True)
    try:
        fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True


def be_the_only_run() -> bool:
    """Take the working directory's lock, or raise InputError if another run is at work there.

    False on a disk without locks, where nobody is refused. Raises InputError for a folder that
    cannot be written to, too: Snakemake keeps its notes there.
    """
    try:
        alone = take_run_lock()
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
