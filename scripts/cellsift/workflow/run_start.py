"""What a run prepares before its jobs, and when it is refused."""

import logging
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from cellsift.errors import InputError
from cellsift.preflight.missing import refuse_missing
from cellsift.project.demo_note import demo_note_doubts
from cellsift.project.models import notes_on_detection
from cellsift.results import Results
from cellsift.settings.draft import DRAFT
from cellsift.settings.project import Project
from cellsift.workflow.answers_in_place import refuse_to_lose_answers
from cellsift.workflow.command_line import is_dry_run, only_inspects
from cellsift.workflow.failed_jobs import FailedJobs
from cellsift.workflow.garbage import collect_garbage_rarely
from cellsift.workflow.home import replace_unwritable_home
from cellsift.workflow.job_names import JobNames
from cellsift.workflow.progress_file import remove_progress
from cellsift.workflow.python_of_jobs import name_python_for_shells, refuse_folder_for_cluster
from cellsift.workflow.remarks import RemarksOfCluster
from cellsift.workflow.results_folder import refuse_unwritable, remove_refusals
from cellsift.workflow.run_end import NothingToDo, files_aimed_at, success_message
from cellsift.workflow.run_lock import (
    STATE,
    lock_results,
    lock_working_directory,
    try_to_lock_results,
    try_to_lock_working_directory,
)
from cellsift.workflow.run_record import record_run
from cellsift.workflow.snakemake_messages import explain_disk_errors
from cellsift.workflow.terminal import show_run

# The rules that look at the files of a brain.
LOOKING = ("check_volumes", "preflight")


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
    project: Project,
    arguments: Sequence[str],
) -> None:
    """Prepare a run's own process, while its rules are read; `arguments` are those of Snakemake.

    `logger` and `workflow` are Snakemake's, `names` what the terminal calls its jobs. A dry run
    tells of files of the brains that are not there, which a run refuses.

    The locks are taken as early as can be: scripts/run.py tells by them whether a run is at work.
    A dry run, which only reads the rules, may do so beside it, and keeps no run from starting.
    """
    logger.addHandler(FailedJobs())
    if only_inspects(arguments):
        if is_dry_run(arguments):
            _note_missing(project)
        return
    logger.addHandler(RemarksOfCluster(lambda: not workflow.local_exec))
    show_run(logger, workflow, names)
    draft = project.config.mode == DRAFT
    logger.addHandler(
        NothingToDo(lambda: success_message(results, files_aimed_at(workflow.dag), draft=draft))
    )
    with suppress(OSError):
        alone = try_to_lock_working_directory()
        # A run that was killed has left refusals, and its lock; any other removes its own.
        if alone and results.lock.exists() and try_to_lock_results(results):
            remove_refusals(results)


def _note_missing(project: Project) -> None:
    try:
        refuse_missing(project.brains.values())
    except InputError as missing:
        for line in str(missing).splitlines():
            print(f"Note: {line}", file=sys.stderr, flush=True)


def start_run(results: Results, project: Project, workflow: Any) -> None:
    """Take the locks, look at what the run was told and note it; not called in a dry run.

    `workflow` is Snakemake's. Raises InputError as `lock_run`, `look_at_project` and
    `refuse_to_lose_answers` do.
    """
    lock_run(results, on_cluster=not workflow.local_exec)
    jobs = [job for job in workflow.dag.needrun_jobs() if job.rule.name == "suggest_brain"]
    refuse_to_lose_answers(results.suggestions(job.wildcards.brain) for job in jobs)
    look_at_project(project, workflow)
    record_run(results, project.config)


def lock_run(results: Results, *, on_cluster: bool) -> None:
    """Take the locks of the folder and of its results.

    Raises InputError where another run is at work, for a folder in which a cluster's jobs cannot be
    started, and for results that cannot be written.
    """
    lock_working_directory()
    if on_cluster:
        refuse_folder_for_cluster(Path.cwd())
    refuse_unwritable(results)
    lock_results(results)
    remove_progress(results.logs)


def look_at_project(project: Project, workflow: Any) -> None:
    """Tell of what was likely not meant, and refuse files that are not there, before any job.

    `workflow` is Snakemake's. Only brains that its jobs are going to look at count: others may lie
    on a disk that is not mounted now. With --keep-going a brain that is refused does not hold up
    the others, so that it is left to its own job.

    Raises InputError.
    """
    for doubt in [*demo_note_doubts(project), *notes_on_detection(project)]:
        print(f"Note: {doubt}", file=sys.stderr, flush=True)
    if workflow.execution_settings.keep_going:
        return
    jobs = [job for job in workflow.dag.needrun_jobs() if job.rule.name in LOOKING]
    names = {job.wildcards.brain for job in jobs}
    refuse_missing(brain for name, brain in project.brains.items() if name in names)
