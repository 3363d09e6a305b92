"""What a run takes and removes before its jobs, and when it is refused."""

import logging
import subprocess
import sys
from types import SimpleNamespace

import pytest

from cellsift.errors import InputError
from cellsift.io.json_files import read_json, write_json
from cellsift.results import Results
from cellsift.workflow.failed_jobs import FailedJobs
from cellsift.workflow.job_names import JobNames
from cellsift.workflow.progress_file import progress_file
from cellsift.workflow.remarks import RemarksOfCluster
from cellsift.workflow.run_lock import STATE
from cellsift.workflow.run_start import prepare_run, start_run

OUTPUT = SimpleNamespace(quiet=None, verbose=False, debug_dag=False, printshellcmds=False)
HOLD = """
import sys
from cellsift.workflow.run_lock import lock_working_directory
lock_working_directory()
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def results(tmp_path, monkeypatch) -> Results:
    """A folder of results, in a working directory of its own, in which two brains were looked at.

    Nobody can have them: the run that looked was killed.
    """
    monkeypatch.chdir(tmp_path)
    results = Results("results")
    for brain, found in (("good", {}), ("bad", {"refused": "no planes"})):
        write_json(found, results.brain(brain).checked)
    results.lock.touch()
    return results


def prepare(results: Results, *arguments: str) -> logging.Logger:
    logger = logging.Logger("run")
    workflow = SimpleNamespace(output_settings=OUTPUT)
    prepare_run(logger, workflow, JobNames(3, {}), results, arguments)
    return logger


def test_a_run_looks_again_at_what_a_killed_one_refused(results):
    prepare(results, "--cores", "1")
    assert not results.brain("bad").checked.exists()
    assert read_json(results.brain("good").checked) == {}
    assert (STATE / "run.lock").exists()


def test_a_dry_run_takes_no_lock_and_removes_nothing(results):
    prepare(results, "--cores", "1", "--dry-run")
    assert results.brain("bad").checked.exists()
    assert not STATE.exists()


@pytest.mark.parametrize("arguments", [["--cores", "1"], ["--dry-run"]])
def test_jobs_that_fail_on_a_cluster_are_told(results, arguments):
    handlers = prepare(results, *arguments).handlers
    assert isinstance(handlers[0], FailedJobs)
    shows = [isinstance(handler, RemarksOfCluster) for handler in handlers]
    assert any(shows) == ("--dry-run" not in arguments)


def test_what_jobs_of_an_earlier_run_noted_of_their_progress_is_removed(results):
    log = results.log("train", "a/fold-0")
    log.parent.mkdir(parents=True)
    log.touch()
    progress_file(log).touch()
    start_run(results, on_cluster=False)
    assert list(log.parent.iterdir()) == [log]


def test_a_run_beside_another_is_refused_before_it_touches_the_results(results):
    command, pipe = [sys.executable, "-c", HOLD], subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as other:
        assert other.stdout.readline() == "held\n"
        # What the other refused stays: it may be at work on it.
        prepare(results, "--cores", "1")
        assert results.brain("bad").checked.exists()
        with pytest.raises(InputError, match="Another run is at work in this folder"):
            start_run(results, on_cluster=False)
        other.kill()
    start_run(results, on_cluster=False)


def test_results_that_cannot_be_written_are_refused(results):
    (results.path / "file").touch()
    with pytest.raises(InputError, match="Not a directory"):
        start_run(Results("results/file"), on_cluster=False)


def test_a_folder_in_which_jobs_of_a_cluster_cannot_start_is_refused_there_alone(
    results, tmp_path, monkeypatch
):
    folder = tmp_path / "paid in $"
    folder.mkdir()
    monkeypatch.chdir(folder)
    with pytest.raises(InputError, match=r"cannot be started in a folder with \$"):
        start_run(Results("results"), on_cluster=True)
    start_run(Results("results"), on_cluster=False)
