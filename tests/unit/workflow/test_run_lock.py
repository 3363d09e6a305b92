"""The lock of a folder of results: held against other processes, no trouble where there is none."""

import errno
import fcntl
import os
import subprocess
import sys

import pytest

from cellsift.errors import InputError
from cellsift.results import LOCK
from cellsift.workflow.run_lock import lock_results

HOLD = """
import sys
from cellsift.workflow.run_lock import lock_results
lock_results(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
"""


def test_the_second_process_is_refused_until_the_first_was_killed(tmp_path):
    results = tmp_path / "share" / "results"
    command = [sys.executable, "-c", HOLD, str(results)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as holder:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(InputError, match=rf"Another run.*{results}.*set results in the config"):
            lock_results(results)
        lock_results(tmp_path / "others")
        holder.kill()
    lock_results(results)
    assert [path.name for path in results.iterdir()] == [LOCK]


def test_nobody_is_refused_on_a_disk_without_locks(tmp_path, monkeypatch):
    def without_locks(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "lockf", without_locks)
    lock_results(tmp_path)


def test_nobody_is_refused_on_a_read_only_disk(new_disk):
    disk = new_disk("64k")
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    lock_results(disk)
    lock_results(disk / "results")
    assert list(disk.iterdir()) == []
