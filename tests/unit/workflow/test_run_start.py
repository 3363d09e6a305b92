"""What a run takes and removes before its jobs, and when it is refused."""

import logging
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest
from snakemake.common import NOTHING_TO_BE_DONE_MSG

from cellsift.errors import InputError
from cellsift.io.json_files import read_json, write_json
from cellsift.results import Results
from cellsift.settings.brains import Brain
from cellsift.settings.config import Config
from cellsift.settings.files import SCHEMAS, read_yaml
from cellsift.settings.project import Project
from cellsift.workflow.failed_jobs import FailedJobs
from cellsift.workflow.job_names import JobNames
from cellsift.workflow.progress_file import progress_file
from cellsift.workflow.remarks import RemarksOfCluster
from cellsift.workflow.run_lock import STATE
from cellsift.workflow.run_start import lock_run, look_at_project, prepare_run, start_run

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


def prepare(
    results: Results, *arguments: str, dag: object = None, brains: Sequence[Brain] = ()
) -> logging.Logger:
    logger = logging.Logger("run")
    workflow = SimpleNamespace(output_settings=OUTPUT, dag=dag)
    config = Config(arms=["small"])
    project = SimpleNamespace(config=config, brains={brain.name: brain for brain in brains})
    prepare_run(logger, workflow, JobNames(3, {}), results, project, arguments)
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


@pytest.mark.parametrize("argument", ["--dry-run", "-n", "--cores=1", "--lint"])
def test_a_dry_run_notes_what_a_run_refuses_as_missing(results, capsys, argument):
    there = Path("there.tif")
    there.touch()
    brains = [Brain(name, f"{name}.tif", (5.0, 2.0, 2.0)) for name in ("there", "absent")]
    prepare(results, argument, brains=brains)
    said = capsys.readouterr().err.splitlines()
    if argument in ("--dry-run", "-n"):
        (line,) = said
        assert line.startswith("Note: brain absent, signal: absent.tif: there is no such file")
    else:
        assert said == []


@pytest.mark.parametrize("arguments", [["--cores", "1"], ["--dry-run"]])
def test_jobs_that_fail_on_a_cluster_are_told(results, arguments):
    handlers = prepare(results, *arguments).handlers
    assert sum(isinstance(handler, FailedJobs) for handler in handlers) == 1
    shows = [isinstance(handler, RemarksOfCluster) for handler in handlers]
    assert any(shows) == ("--dry-run" not in arguments)


def test_a_run_with_nothing_to_do_says_where_the_report_is_and_a_dry_run_does_not(results, capsys):
    page = str(results.index_page)
    Path(page).parent.mkdir(parents=True)
    Path(page).touch()
    dag = SimpleNamespace(targetjobs=[SimpleNamespace(output=[], input=[page])])
    prepare(results, "--dry-run", dag=dag).info(NOTHING_TO_BE_DONE_MSG)
    assert capsys.readouterr().out == ""
    prepare(results, "--cores", "1", dag=dag).info(NOTHING_TO_BE_DONE_MSG)
    assert f"The report is in {page}" in capsys.readouterr().out


@pytest.fixture
def project(tmp_path) -> Project:
    """Two brains, of which one has no volume, and the other no annotation."""
    (tmp_path / "here.tif").touch()
    brains = {
        "a": Brain("a", str(tmp_path / "away.tif"), (5, 2, 2)),
        "b": Brain("b", str(tmp_path / "here.tif"), (5, 2, 2), "train", cells="no.csv"),
        "c": Brain("c", "https://somewhere/c.zarr", (5, 2, 2)),
    }
    return Project(Config(arms=["features"]), brains, {})


def planned(*jobs: tuple[str, str], keep_going: bool = False) -> SimpleNamespace:
    """A workflow that is going to do these jobs: rule, brain."""
    todo = [
        SimpleNamespace(rule=SimpleNamespace(name=rule), wildcards=SimpleNamespace(brain=brain))
        for rule, brain in jobs
    ]
    return SimpleNamespace(
        dag=SimpleNamespace(needrun_jobs=lambda: todo),
        execution_settings=SimpleNamespace(keep_going=keep_going),
    )


def test_all_files_that_are_not_there_are_told_before_any_job(project):
    jobs = [("check_volumes", brain) for brain in "cba"]
    with pytest.raises(InputError) as refusal:
        look_at_project(project, planned(*jobs))
    first, second = str(refusal.value).splitlines()
    assert first.startswith("brain a, signal: ")
    assert "away.tif: there is no such file or folder" in first
    assert second.startswith("brain b, cells: no.csv: there is no such")


def test_files_that_this_run_does_not_look_at_may_be_away(project):
    look_at_project(project, planned(("check_volumes", "c"), ("train", "a")))
    # What is refused then holds up no other brain.
    look_at_project(project, planned(("check_volumes", "a"), keep_going=True))


def test_the_note_of_the_demo_is_told_where_a_brain_is_a_users_own(project, tmp_path, capsys):
    shipped = read_yaml(SCHEMAS.parents[1] / "config" / "config.yaml")["note"]
    brains = {"b": project.brains["b"]}
    copied = Project(Config(arms=["features"], note=shipped), brains, {})
    look_at_project(copied, planned())
    assert "b is none of its brains. Write a note of your own" in capsys.readouterr().err
    look_at_project(Project(Config(arms=["features"], note="c-Fos, 2026"), brains, {}), planned())
    (tmp_path / "brain.json").touch()
    look_at_project(copied, planned())
    assert capsys.readouterr().err == ""


def test_what_jobs_of_an_earlier_run_noted_of_their_progress_is_removed(results):
    log = results.log("train", "a/fold-0")
    log.parent.mkdir(parents=True)
    log.touch()
    progress_file(log).touch()
    lock_run(results, on_cluster=False)
    assert list(log.parent.iterdir()) == [log]


def test_a_run_beside_another_is_refused_before_it_touches_the_results(results):
    command, pipe = [sys.executable, "-c", HOLD], subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as other:
        assert other.stdout.readline() == "held\n"
        # What the other refused stays: it may be at work on it.
        prepare(results, "--cores", "1")
        assert results.brain("bad").checked.exists()
        with pytest.raises(InputError, match="Another run is at work in this folder"):
            lock_run(results, on_cluster=False)
        other.kill()
    lock_run(results, on_cluster=False)


def test_results_that_cannot_be_written_are_refused(results):
    (results.path / "file").touch()
    with pytest.raises(InputError, match="Not a directory"):
        lock_run(Results("results/file"), on_cluster=False)


def test_a_folder_in_which_jobs_of_a_cluster_cannot_start_is_refused_there_alone(
    results, tmp_path, monkeypatch
):
    folder = tmp_path / "paid in $"
    folder.mkdir()
    monkeypatch.chdir(folder)
    with pytest.raises(InputError, match=r"cannot be started in a folder with \$"):
        lock_run(Results("results"), on_cluster=True)
    lock_run(Results("results"), on_cluster=False)


def test_a_run_is_refused_for_a_file_that_is_not_there_once_it_has_its_locks(results, project):
    workflow = planned(("check_volumes", "a"))
    workflow.local_exec = True
    with pytest.raises(InputError, match=r"brain a, signal: .*there is no such file"):
        start_run(results, project, workflow)
    assert (STATE / "run.lock").exists()
