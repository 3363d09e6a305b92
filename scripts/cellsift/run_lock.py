"""One run at a time in a folder: a lock that lives as long as the process that holds it."""

import fcntl
import os
from pathlib import Path

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
