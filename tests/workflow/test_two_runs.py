"""Two runs at once in one folder, started in either way: the second is told, the first goes on.

Whoever only looks at what there is to do disturbs nobody.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cellsift.io.json_files import write_json
from cellsift.results import LOCK
from checkout import Checkout

pytestmark = pytest.mark.slow

WAYS = {"run.py": ["scripts/run.py"], "snakemake": ["-m", "snakemake"]}
TARGET = "results/brains/endless/preflight.json"
OTHER = "results/brains/mouse_1/preflight.json"
LAST = "results/brains/mouse_2/preflight.json"
AT_WORK = "Another run is at work"
TOLD = [
    ("run.py", TARGET, AT_WORK),
    ("run.py", OTHER, AT_WORK),
    # Of runs that would make the same files Snakemake itself refuses the second, by its marks...
    ("snakemake", TARGET, "Directory cannot be locked"),
    ("snakemake", OTHER, AT_WORK),
    # ...which the run before has removed with its own.
    ("snakemake", TARGET, AT_WORK),
]


INSPECTING = [("run.py", "--dry-run"), ("snakemake", "-n"), ("snakemake", "--summary")]
# At the end of a Snakefile: the look stays at its work for as long as the test needs it to.
LOOK_FOR_LONG = """
import os, time
if os.path.exists("look_for_long"):
    open(f"looking-{os.getpid()}", "w").close()
    time.sleep(600)
"""


def start(checkout: Checkout, way: str, *arguments: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, *WAYS[way], "--configfile", "small.yaml", "--cores", "1", *arguments],
        cwd=checkout.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def wait_for_marks(checkout: Checkout, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + 120
    while not any((checkout.folder / ".snakemake" / "locks").glob("*")):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.2)


def endless(new_checkout) -> Checkout:
    """A checkout with a brain at which a job stays, before it can do any work."""
    checkout = new_checkout()
    os.mkfifo(checkout.folder / "endless.tif")
    row = checkout.row("endless", "predict").replace("brains/endless/signal", "endless.tif")
    checkout.write_table(row.replace("brains/endless", "brains/mouse_1"))
    return checkout


@pytest.mark.parametrize("first", WAYS)
def test_the_second_of_two_runs_is_told(first, new_checkout):
    checkout = endless(new_checkout)
    process = start(checkout, first, TARGET)
    try:
        wait_for_marks(checkout, process)
        for second, target, told in TOLD:
            other = start(checkout, second, target)
            output, _ = other.communicate(timeout=300)
            assert other.returncode != 0, output
            assert told in output
            assert "Traceback" not in output
        assert not (checkout.folder / OTHER).exists()
        # To look at what there is to do disturbs nobody.
        for look in (["--dry-run", OTHER], ["--summary"]):
            other = start(checkout, "snakemake", *look)
            output, _ = other.communicate(timeout=300)
            assert other.returncode == 0, output
        assert process.poll() is None
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    again = start(checkout, "run.py", OTHER)
    output, _ = again.communicate(timeout=300)
    assert again.returncode == 0, output


def test_who_only_looks_keeps_no_run_from_starting(new_checkout):
    checkout = new_checkout()
    with (checkout.folder / "workflow" / "Snakefile").open("a") as snakefile:
        snakefile.write(LOOK_FOR_LONG)
    wait = checkout.folder / "look_for_long"
    wait.touch()
    looks = [start(checkout, way, look, OTHER) for way, look in INSPECTING]
    try:
        deadline = time.monotonic() + 120
        while not all((checkout.folder / f"looking-{look.pid}").exists() for look in looks):
            assert time.monotonic() < deadline
            time.sleep(0.2)
        wait.unlink()
        for way, target in (("snakemake", OTHER), ("run.py", LAST)):
            run = start(checkout, way, target)
            output, _ = run.communicate(timeout=300)
            assert run.returncode == 0, output
        assert all(look.poll() is None for look in looks)
    finally:
        for look in looks:
            look.kill()
            look.communicate()


def test_two_checkouts_with_one_folder_of_results(new_checkout, tmp_path):
    """The second is told, whoever only looks is not, and after a kill the other may run.

    Only then are the first one's notes of refused brains forgotten.
    """
    shared = ["--config", f"results={tmp_path / 'results'}", "--"]
    note = tmp_path / "results" / "brains" / "refused" / "checked.json"
    target, other = (str(tmp_path / path) for path in (TARGET, OTHER))
    checkout, second = endless(new_checkout), new_checkout()
    process = start(checkout, "snakemake", *shared, target)
    try:
        deadline = time.monotonic() + 120
        while not (tmp_path / "results" / LOCK).exists():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.2)
        note.parent.mkdir(parents=True)
        write_json({"refused": "its share was gone"}, note)
        run = start(second, "snakemake", *shared, other)
        output, _ = run.communicate(timeout=300)
        assert run.returncode != 0
        assert f"is at work on the results in {tmp_path / 'results'}" in output
        assert "Traceback" not in output
        assert not Path(other).exists()
        assert note.exists()
        look = start(second, "snakemake", "--dry-run", *shared, other)
        output, _ = look.communicate(timeout=300)
        assert look.returncode == 0, output
        assert process.poll() is None
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    again = start(second, "run.py", *shared, other)
    output, _ = again.communicate(timeout=300)
    assert again.returncode == 0, output
    assert not note.exists()
