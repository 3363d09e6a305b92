"""Start Snakemake for a run. A run that was killed goes on by itself.

Only one run at a time may use the folder. A mark that a killed Snakemake left there is known to be
stale, as every run holds a lock that the system takes back from a killed process. A dry run, and
whatever else only looks, is no run: it may go on beside one.
"""

import subprocess
import sys
from typing import NoReturn

from cellsift.errors import InputError
from cellsift.workflow.command_line import check_config_file, config_files, only_inspects
from cellsift.workflow.home import replace_unwritable_home
from cellsift.workflow.run_lock import STATE, lock_working_directory


def run(arguments: list[str]) -> int:
    """Run Snakemake with these arguments; returns only if the run is refused."""
    try:
        for path in config_files(arguments):
            check_config_file(path)
        if moved := replace_unwritable_home(STATE / "home"):
            print(
                f"{STATE / 'home'} takes the place of the home folder for caches and settings of "
                f"libraries ({', '.join(moved)}): they cannot be written where they belong.",
                flush=True,
            )
        if only_inspects(arguments):
            run_snakemake(arguments)
        alone = lock_working_directory()
    except InputError as problem:
        print(problem, file=sys.stderr)
        return 1
    if not alone:
        unlocking = "after a kill, unlock the folder by `snakemake --unlock`"
        print(f"This disk has no locks: {unlocking}.", flush=True)
    elif any((STATE / "locks").glob("*")):
        unlock = ["-m", "snakemake", *arguments, "--unlock", "--quiet", "all"]
        subprocess.run([sys.executable, *unlock], check=False)
    run_snakemake(arguments)


def run_snakemake(arguments: list[str]) -> NoReturn:
    """Go on as Snakemake itself, which ends the process.

    Its modules are loaded already, to tell a dry run from others: a process more would load them
    again, which takes a second.
    """
    from snakemake.cli import main as snakemake

    sys.argv[1:] = arguments
    sys.exit(snakemake(arguments))
