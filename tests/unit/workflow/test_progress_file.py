"""What a job notes of how far it is, and what the main process reads of it."""

import subprocess
import sys
import time

import pytest

from cellsift.workflow.progress_file import (
    ProgressNotes,
    progress_file,
    read_progress,
    remove_progress,
)


@pytest.fixture
def log(tmp_path):
    return tmp_path / "fold-0.log"


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until it is set: a list with the time."""
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def test_a_job_that_has_not_begun_has_noted_nothing(log):
    assert read_progress(log) is None


def test_a_job_notes_when_it_began_and_how_long_it_took(log, clock):
    notes = ProgressNotes(log)
    notes.begun()
    begun = read_progress(log)
    assert begun.begun == pytest.approx(time.time(), abs=60)
    assert begun.seconds is None
    clock[0] += 90
    notes.ended()
    assert read_progress(log).seconds == 90


def test_epochs_are_counted_with_the_time_that_the_others_take(log, clock):
    note = ProgressNotes(log).counted("epoch")
    note(0, 30)
    assert read_progress(log).left is None
    clock[0] += 60
    note(1.5, 30)
    noted = read_progress(log)
    assert (noted.unit, noted.done, noted.total) == ("epoch", 1.5, 30)
    assert noted.left == pytest.approx(60 / 1.5 * 28.5)


def test_epochs_of_an_earlier_start_do_not_make_this_one_quick(log, clock):
    note = ProgressNotes(log).counted("epoch")
    note(20, 30)
    clock[0] += 60
    note(21, 30)
    assert read_progress(log).left == pytest.approx(9 * 60)


def test_it_is_not_written_at_every_batch_but_at_the_end(log, clock):
    note = ProgressNotes(log).counted("epoch", between=5)
    note(0, 2)
    for done in (0.1, 0.2):
        clock[0] += 2
        note(done, 2)
    assert read_progress(log).done == 0
    clock[0] += 2
    note(0.3, 2)
    assert read_progress(log).done == 0.3
    note(2, 2)
    assert read_progress(log).done == 2


def test_a_disk_that_fails_stops_no_job(tmp_path):
    (tmp_path / "file").touch()
    notes = ProgressNotes(tmp_path / "file" / "of.log")
    notes.begun()
    notes.counted("epoch")(1, 2)
    assert read_progress(tmp_path / "file" / "of.log") is None


@pytest.mark.parametrize("content", ["", "{", "[]", '{"done": 1}', '{"begun": 1, "more": 2}'])
def test_what_cannot_be_read_counts_for_nothing(log, content):
    progress_file(log).write_text(content)
    assert read_progress(log) is None


def test_a_finished_run_leaves_nothing(tmp_path, log):
    (tmp_path / "deeper").mkdir()
    logs = [log, tmp_path / "deeper" / "other.log"]
    for each in logs:
        each.touch()
        ProgressNotes(each).begun()
    # What a job was about to write when it was killed.
    progress_file(log).with_suffix(".tmp").touch()
    remove_progress(tmp_path)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == sorted(logs, reverse=True)
    remove_progress(tmp_path / "not_there")


def test_every_job_of_a_rule_notes_both(log):
    code = (
        "import sys\n"
        "from cellsift.workflow.job import job\n"
        "from cellsift.workflow.progress_file import read_progress\n"
        "with job(sys.argv[1]):\n"
        "    assert read_progress(sys.argv[1]).seconds is None\n"
    )
    subprocess.run([sys.executable, "-c", code, log], check=True)
    assert read_progress(log).seconds is not None
