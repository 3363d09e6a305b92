"""Two runs at once in one folder, started in either way: the second is told, the first goes on."""

import os
import signal
import subprocess
import sys
import time

import pytest

from checkout import Checkout

pytestmark = pytest.mark.slow

WAYS = {"run.py": ["scripts/run.py"], "snakemake": ["-m", "snakemake"]}
TARGET = "results/brains/endless/preflight.json"
# Snakemake refuses runs that would make the same files.
TOLD = {"run.py": "Another run is at work", "snakemake": "Directory cannot be locked"}


def start(checkout: Checkout, way: str, *arguments: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, *WAYS[way], "--configfile", "small.yaml", "--cores", "1", *arguments],
        cwd=checkout.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def wait_for_locks(checkout: Checkout, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + 120
    while not any((checkout.folder / ".snakemake" / "locks").glob("*")):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.2)


@pytest.mark.parametrize("first", WAYS)
def test_the_second_of_two_runs_is_told(first, new_checkout):
    checkout = new_checkout()
    # A job that lasts, before it can do any work.
    os.mkfifo(checkout.folder / "endless.tif")
    checkout.write_table(
        checkout.row("endless", "predict").replace("brains/endless/signal", "endless.tif")
    )
    process = start(checkout, first, TARGET)
    try:
        wait_for_locks(checkout, process)
        for second in WAYS:
            other = start(checkout, second, TARGET)
            output, _ = other.communicate(timeout=300)
            assert other.returncode != 0, output
            assert TOLD[second] in output
            assert "Traceback" not in output
            assert any((checkout.folder / ".snakemake" / "locks").glob("*"))
        assert process.poll() is None
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    again = start(checkout, "run.py", "results/brains/mouse_1/preflight.json")
    output, _ = again.communicate(timeout=300)
    assert again.returncode == 0, output
