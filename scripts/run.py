"""Run the workflow: `run.py ARGUMENTS OF SNAKEMAKE`. A run that was killed goes on by itself.

Only one run at a time may use the folder. Snakemake holds a lock for as long as it lives, which the
system takes back even from a killed process; so a mark that a killed one left is known to be stale.
"""

import fcntl
import os
import subprocess
import sys
from pathlib import Path


def main(arguments: list[str]) -> int:
    """Become Snakemake with these arguments; returns only if another run is at work."""
    state = Path(".snakemake")
    state.mkdir(exist_ok=True)
    lock = os.open(state / "run.lock", os.O_CREAT | os.O_RDWR)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print("Another run is at work in this folder: wait for it, or end it first.")
        return 1
    snakemake = [sys.executable, "-m", "snakemake", *arguments]
    if any((state / "locks").glob("*")):
        subprocess.run([*snakemake, "--unlock", "--quiet", "all"], check=False)
    os.set_inheritable(lock, True)
    os.execv(sys.executable, snakemake)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
