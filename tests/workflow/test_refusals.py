"""What a run refuses before any work, however it is started, and a disk that fills up under it."""

import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from cellsift.workflow.results_folder import LEAST_ROOM
from checkout import Checkout

pytestmark = pytest.mark.slow

WAYS = {"run.py": ["scripts/run.py"], "snakemake": ["-m", "snakemake"]}
TARGETS = [f"results/brains/mouse_1/{name}" for name in ("detected.csv", "projection.npz")]


def run(checkout: Checkout, way: str, *arguments: str) -> tuple[int, str]:
    """Exit code and output of a run that is started in this way."""
    done = subprocess.run(
        [sys.executable, *WAYS[way], "--configfile", "small.yaml", "--cores", "1", *arguments],
        cwd=checkout.folder,
        env=os.environ | {"PYTHONPATH": str(checkout.folder / "scripts")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
    return done.returncode, done.stdout


LAUGHS = "a0: &a0 [x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 20)}]\n" for n in range(1, 12)
)


@pytest.mark.parametrize(
    ("content", "ways"),
    [
        (b"arms: &a [*a]", ["run.py", "snakemake"]),
        (LAUGHS.encode(), ["run.py", "snakemake"]),
        # At these plain Snakemake stumbles before the workflow is asked, or runs what they say.
        (b"arms: &a {x: *a}", ["run.py"]),
        (b"arms: [small\xff]", ["run.py"]),
        (b"__use_yte__: true\narms: ?open('sprung', 'w')", ["run.py"]),
    ],
    ids=["circle", "laughs", "mapping", "bytes", "code"],
)
def test_a_config_that_makes_no_sense_is_refused_by_one_message(new_checkout, content, ways):
    checkout = new_checkout()
    (checkout.folder / "small.yaml").write_bytes(content)
    for way in ways:
        started = time.monotonic()
        code, output = run(checkout, way, "--dry-run")
        assert code != 0
        assert time.monotonic() - started < 60
        if way == "run.py":
            assert output.startswith("small.yaml: ")
            assert output.count("\n") == 1
        assert sum("config: " in line or "small.yaml: " in line for line in output.split("\n")) == 1
        assert "Traceback" not in output
        assert "cellsift/" not in output
        assert "in file" not in output
    assert not (checkout.folder / "sprung").exists()


def test_results_that_cannot_be_written_are_refused_before_any_work(new_checkout, new_disk):
    """A full disk that holds all results, then one that is read-only; a dry run works with both."""
    checkout, disk = new_checkout(), new_disk("20m")
    checkout.results.symlink_to(disk)
    filler = disk / "filler"
    faults = {
        "no room to write": lambda: filler.write_bytes(bytes(20 * 2**20 - LEAST_ROOM // 2)),
        "Read-only": lambda: remount(disk, "ro"),
    }
    for said, fault in faults.items():
        fault()
        code, output = run(checkout, "snakemake", "--dry-run", *TARGETS)
        assert code == 0, output
        code, output = run(checkout, "snakemake", *TARGETS)
        assert code != 0
        assert f"the folder of the results, {checkout.results}: " in output
        assert said in output
        assert "set results in the config" in output
        assert "Traceback" not in output
        assert {path.name for path in disk.iterdir()} <= {"filler"}
        remount(disk, "rw")
        filler.unlink()
        filler.touch()
    made = "results/brains/mouse_1/volumes.json"
    code, output = run(checkout, "snakemake", made)
    assert code == 0, output
    remount(disk, "ro")
    code, output = run(checkout, "snakemake", "--force", made)
    assert code != 0
    assert made in output
    assert "set results in the config" in output
    assert "Traceback" not in output


@pytest.mark.parametrize("way", WAYS)
def test_a_full_disk_that_holds_snakemakes_notes_as_well_is_told(new_checkout, new_disk, way):
    disk = new_disk("20m")
    checkout = Checkout.copied(new_checkout().folder, disk / "checkout")
    fill(disk)
    code, output = run(checkout, way, *TARGETS)
    assert code != 0
    (message,) = [line for line in output.splitlines() if line.startswith("Error: ")]
    assert str(disk / "checkout") in message
    assert "Free some space" in message
    assert "Traceback" not in output
    (disk / "filler").unlink()
    code, output = run(checkout, way, "results/brains/mouse_1/volumes.json")
    assert code == 0, output


def remount(disk: Path, way: str) -> None:
    """Mount a disk "ro" or "rw": the former as soon as nobody has a file open to write to."""
    deadline = time.monotonic() + 60
    command = ["mount", "-o", f"remount,{way}", str(disk)]
    while subprocess.run(command, capture_output=True).returncode:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def cover(disk: Path) -> None:
    """Let a disk be read-only under a run, which has a file there open to write to."""
    subprocess.run(["mount", "--bind", str(disk), str(disk)], check=True)
    subprocess.run(["mount", "-o", "remount,bind,ro", str(disk)], check=True)


def uncover(disk: Path) -> None:
    subprocess.run(["umount", str(disk)], check=True)


def fill(disk: Path) -> None:
    """Leave no room at all."""
    with suppress(OSError), (disk / "filler").open("ab", buffering=0) as file:
        while file.write(bytes(2**12)):
            pass


def run_until(checkout: Checkout, file: str, fault) -> tuple[int, str]:
    """Exit code and output of a run in which a fault comes once a file of the results is there."""
    process = checkout.start("--cores", "1", "--keep-going", *TARGETS)
    deadline = time.monotonic() + 200
    while not (checkout.folder / file).exists():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.02)
    fault()
    output, _ = process.communicate(timeout=300)
    return process.returncode, output


@pytest.mark.parametrize(
    ("fault", "mend", "said"),
    [
        (fill, lambda disk: (disk / "filler").unlink(), "no room to write"),
        (cover, uncover, "Read-only"),
    ],
    ids=["full", "read-only"],
)
def test_a_disk_that_fails_under_all_results_is_told_and_nothing_is_lost(
    new_checkout, new_disk, fault, mend, said
):
    checkout, disk = new_checkout(), new_disk("20m")
    checkout.results.symlink_to(disk)
    code, output = run_until(checkout, "results/brains/mouse_1/volumes.json", lambda: fault(disk))
    assert code != 0
    assert said in output
    assert "start the run again" in output
    assert "Traceback" not in output
    mend(disk)
    code, output = checkout.run("--cores", "1", "--keep-going", *TARGETS)
    assert code == 0, output
    assert all((checkout.folder / target).exists() for target in TARGETS)
    assert not checkout.leftovers
