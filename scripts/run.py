"""Run the workflow: `run.py ARGUMENTS OF SNAKEMAKE`. A run that was killed goes on by itself.

Only one run at a time may use the folder. As long as this process lives it holds a lock that the
system takes back even from a killed one, so a lock that Snakemake left behind is known to be stale.
"""

import fcntl
import subprocess
import sys
from pathlib import Path


def main(arguments: list[str]) -> int:
    """Run Snakemake with these arguments; returns its exit code."""
    state = Path(".snakemake")
    state.mkdir(exist_ok=True)
    with (state / "run.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Another run is at work in this folder: wait for it, or end it first.")
            return 1
        snakemake = [sys.executable, "-m", "snakemake"]
        if any((state / "locks").glob("*")):
            subprocess.run([*snakemake, *arguments, "--unlock", "--quiet", "all"], check=False)
        # The child inherits the lock, so killing only this process does not free the folder.
        run = subprocess.run([*snakemake, *arguments], pass_fds=[lock.fileno()], check=False)
        return run.returncode


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
