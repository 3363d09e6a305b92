"""What a run prepares before its jobs, and when it is refused."""

import logging
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from cellsift.results import Results
from cellsift.workflow.command_line import only_inspects
from cellsift.workflow.failed_jobs import FailedJobs
from cellsift.workflow.garbage import collect_garbage_rarely
from cellsift.workflow.home import replace_unwritable_home
from cellsift.workflow.job_names import JobNames
from cellsift.workflow.progress_file import remove_progress
from cellsift.workflow.python_of_jobs import name_python_for_shells, refuse_folder_for_cluster
from cellsift.workflow.remarks import RemarksOfCluster
from cellsift.workflow.results_folder import refuse_unwritable, remove_refusals
from cellsift.workflow.run_lock import (
    STATE,
    lock_results,
    lock_working_directory,
    try_to_lock_results,
    try_to_lock_working_directory,
)
from cellsift.workflow.snakemake_messages import explain_disk_errors
from cellsift.workflow.terminal import show_run


def prepare_process(logger: logging.Logger) -> None:
    """Prepare a process that reads the rules, be it a run's own or that of one of its jobs.

    It may be on another machine than the run, as on a cluster. `logger` is Snakemake's.
    """
    collect_garbage_rarely()
    explain_disk_errors(logger)
    name_python_for_shells()
    replace_unwritable_home(STATE / "home")


def prepare_run(
    logger: logging.Logger,
    workflow: Any,
    names: JobNames,
    results: Results,
    arguments: Sequence[str],
) -> None:
    """Prepare a run's own process, while its rules are read; `arguments` are those of Snakemake.

    `logger` and `workflow` are Snakemake's, `names` what the terminal calls its jobs.

    The locks are taken as early as can be: scripts/run.py tells by them whether a run is at work.
    A dry run, which only reads the rules, may do so beside it, and keeps no run from starting.
    """
    logger.addHandler(FailedJobs())
    if only_inspects(arguments):
        return
    logger.addHandler(RemarksOfCluster(lambda: not workflow.local_exec))
    show_run(logger, workflow, names)
    with suppress(OSError):
        alone = try_to_lock_working_directory()
        # A run that was killed has left refusals, and its lock; any other removes its own.
        if alone and results.lock.exists() and try_to_lock_results(results):
            remove_refusals(results)


def start_run(results: Results, *, on_cluster: bool) -> None:
    """Take the locks before any job; not called in a dry run.

    Raises InputError where another run is at work, for a folder in which a cluster's jobs cannot be
    started, and for results that cannot be written.
    """
    lock_working_directory()
    if on_cluster:
        refuse_folder_for_cluster(Path.cwd())
    refuse_unwritable(results)
    lock_results(results)
    remove_progress(results.logs)
