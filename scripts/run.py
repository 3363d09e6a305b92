"""Run the workflow: `run.py ARGUMENTS OF SNAKEMAKE`. A run that was killed goes on by itself.

Only one run at a time may use the folder. A mark that a killed Snakemake left there is known to be
stale, as every run holds a lock that the system takes back from a killed process.
"""

import os
import subprocess
import sys

from cellsift.run_lock import STATE, take_run_lock


def main(arguments: list[str]) -> int:
    """Become Snakemake with these arguments; returns only if another run is at work."""
    try:
        alone = take_run_lock()
    except OSError:
        print("This disk has no locks: after a kill, unlock the folder by `snakemake --unlock`.")
        alone = None
    if alone is False:
        print("Another run is at work in this folder: wait for it, or end it first.")
        return 1
    snakemake = [sys.executable, "-m", "snakemake", *arguments]
    if alone and any((STATE / "locks").glob("*")):
        subprocess.run([*snakemake, "--unlock", "--quiet", "all"], check=False)
    os.execv(sys.executable, snakemake)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
