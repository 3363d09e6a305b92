"""Run the workflow: `run.py ARGUMENTS OF SNAKEMAKE`. A run that was killed goes on by itself.

Only one run at a time may use the folder. A mark that a killed Snakemake left there is known to be
stale, as every run holds a lock that the system takes back from a killed process. A dry run, and
whatever else only looks, is no run: it may go on beside one.
"""

import os
import subprocess
import sys

from cellsift.errors import InputError
from cellsift.workflow.command_line import check_config_file, config_files, only_inspects
from cellsift.workflow.home import replace_unwritable_home
from cellsift.workflow.run_lock import STATE, lock_working_directory


def main(arguments: list[str]) -> int:
    """Become Snakemake with these arguments; returns only if the run is refused."""
    snakemake = [sys.executable, "-m", "snakemake", *arguments]
    try:
        for path in config_files(arguments):
            check_config_file(path)
        if moved := replace_unwritable_home(STATE / "home"):
            print(
                f"{STATE / 'home'} takes the place of the home folder for caches and settings of "
                f"libraries ({', '.join(moved)}): they cannot be written where they belong."
            )
        if only_inspects(arguments):
            os.execv(sys.executable, snakemake)
        alone = lock_working_directory()
    except InputError as problem:
        print(problem, file=sys.stderr)
        return 1
    if not alone:
        print("This disk has no locks: after a kill, unlock the folder by `snakemake --unlock`.")
    elif any((STATE / "locks").glob("*")):
        subprocess.run([*snakemake, "--unlock", "--quiet", "all"], check=False)
    os.execv(sys.executable, snakemake)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
