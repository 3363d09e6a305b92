"""What a job asks for and what it may use."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import dask
import numpy as np
import pytest
import tifffile
import torch
import zarr

from cellsift.workflow.job import device_of_filters, memory_for_data, wanted_device
from cellsift.detection import resources
from cellsift.io.cores import available_cores
from cellsift.workflow.detection_resources import resources_of
from cellsift.workflow.reading_threads import limit_reading

READ = """
import sys, threading
from cellsift.io.volumes import open_volume
from cellsift.workflow.reading_threads import limit_reading
limit_reading(1)
volume = open_volume(sys.argv[1], (5, 2, 2))
for start in range(0, volume.shape[0], 8):
    volume.planes(start, start + 8)
print(*sorted(thread.name for thread in threading.enumerate()), sep="\\n")
"""
REMARK = """
import sys
from cellsift.workflow.job import job
with job(sys.argv[1]) as tell:
    tell("a chunk is missing")
    print("a library's own words")
"""
ENDING = """
import atexit, ctypes, sys, threading, time
from cellsift.workflow.job import job
class Part:
    def __del__(self):
        print("taken apart")
part = Part()
def late():
    time.sleep(0.3)
    print("a thread's last words")
with job(sys.argv[1]):
    atexit.register(print, "an exit handler's words")
    threading.Thread(target=late).start()
    ctypes.CDLL(None).puts(b"words printed in C")
    print("a line that is still open", end="")
"""


def job(device: str | None = None, **resources) -> SimpleNamespace:
    config = {} if device is None else {"device": device}
    return SimpleNamespace(config=config, resources=resources)


@pytest.mark.parametrize(
    ("resources", "device"),
    [
        ({}, "auto"),
        ({"gpu": 0}, "auto"),
        ({"gpu": 1}, "cuda"),
        ({"gpu": 0, "gres": "gpu:1"}, "cuda"),
    ],
)
def test_who_asked_its_scheduler_for_a_gpu_insists_on_one(resources, device):
    assert wanted_device(job(**resources)) == device
    assert wanted_device(job("auto", **resources)) == device
    assert wanted_device(job("cpu", **resources)) == "cpu"
    assert wanted_device(job("cuda", **resources)) == "cuda"


@pytest.mark.parametrize("resources", [{}, {"gpu": 0}, {"gpu": 1}, {"gres": "gpu:1"}])
def test_within_slurm_filters_take_a_gpu_only_if_the_job_asked_for_one(resources, monkeypatch):
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    assert device_of_filters(job(**resources)) == "auto"
    assert device_of_filters(job("cuda", **resources)) == "auto"
    assert device_of_filters(job("cpu", **resources)) == "cpu"
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    asked = bool(resources.get("gpu") or resources.get("gres"))
    assert device_of_filters(job(**resources)) == ("auto" if asked else "cpu")
    assert device_of_filters(job("cpu", **resources)) == "cpu"


def test_data_get_a_share_of_the_jobs_memory():
    asked = SimpleNamespace(resources=SimpleNamespace(mem_mb=1000))
    assert 0.5e9 < memory_for_data(asked) < 1e9


class Asked(dict):
    """A job's resources, as Snakemake gives them: by key and by attribute."""

    __getattr__ = dict.__getitem__


def test_detection_uses_no_more_than_its_job_has(monkeypatch, tmp_path):
    asked = SimpleNamespace(config={"device": "cpu"}, threads=1, resources=Asked(mem_mb=1000))
    allowed = resources_of(asked)
    assert allowed.workers == 1
    assert allowed.memory_bytes == memory_for_data(asked)
    asked.threads = 10**6
    assert resources_of(asked).workers == available_cores()
    # Where there is a GPU.
    monkeypatch.setattr(resources, "DRIVER", tmp_path)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    assert resources_of(asked).device is None
    asked.config = {}
    assert resources_of(asked).device == torch.device("cuda")


def test_reading_uses_no_more_cores_than_there_are(monkeypatch):
    # Put back at the end.
    monkeypatch.setenv("ZARR_THREADING__MAX_WORKERS", "1")
    with dask.config.set(num_workers=None), zarr.config.set({"threading.max_workers": None}):
        for asked, given in ((1, 1), (10**6, available_cores())):
            limit_reading(asked)
            assert dask.config.get("num_workers") == given
            assert zarr.config.get("threading.max_workers") == given


@pytest.mark.parametrize("kind", ["planes", "zarr"])
def test_a_volume_is_read_and_decoded_by_no_more_threads_than_the_job_has(kind, tmp_path):
    voxels = np.random.default_rng(0).integers(0, 4000, (32, 90, 90), dtype=np.uint16)
    path = tmp_path / kind
    if kind == "zarr":
        write_ome_zarr(path, voxels)
    else:
        path.mkdir()
        for z, plane in enumerate(voxels):
            tifffile.imwrite(path / f"plane_{z:03}.tif", plane, compression="zlib")
    done = subprocess.run([sys.executable, "-c", READ, path], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    # Of the main thread, of zarr's that waits for the others, and of pools one each.
    working = [name for name in done.stdout.split("\n") if name[-2:-1] in ("_", "-")]
    assert 1 <= len(working) <= (2 if kind == "zarr" else 1), done.stdout


def write_ome_zarr(path, voxels):
    group = zarr.create_group(path)
    group.create_array("0", data=voxels, chunks=(4, 30, 30))
    scale = {"type": "scale", "scale": [5, 2, 2]}
    dataset = {"path": "0", "coordinateTransformations": [scale]}
    image = {"axes": [{"name": axis} for axis in "zyx"], "datasets": [dataset]}
    group.attrs["ome"] = {"version": "0.5", "multiscales": [image]}


def test_a_remark_is_seen_in_the_terminal_and_what_libraries_print_is_not(tmp_path):
    log = tmp_path / "log"
    done = subprocess.run([sys.executable, "-c", REMARK, log], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "Note: a chunk is missing\n")
    assert log.read_text().splitlines() == ["Note: a chunk is missing", "a library's own words"]


def test_a_log_that_cannot_be_written_is_one_message_and_no_traceback(tmp_path):
    """The disk of the results may fail between Snakemake's preparations and the job's start."""
    log = tmp_path / "gone" / "log"
    done = subprocess.run([sys.executable, "-c", REMARK, log], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.strip().startswith(f"Error: {log}: ")
    assert len(done.stderr.strip().splitlines()) == 1
    assert done.stdout == ""


def run_buffered(code: str, log: Path) -> subprocess.CompletedProcess:
    """A script whose output is written when its buffer is full, or flushed."""
    env = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    command = [sys.executable, "-c", code, str(log)]
    return subprocess.run(command, env=env, capture_output=True, text=True)


def test_a_job_that_is_done_ends_with_all_that_is_left_and_takes_nothing_apart(tmp_path):
    """Libraries are left to the system; that takes up to half a second off each job."""
    log = tmp_path / "log"
    done = run_buffered(ENDING, log)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert log.read_text().splitlines() == [
        "a line that is still opena thread's last words",
        "an exit handler's words",
        "words printed in C",
    ]


def test_a_job_whose_end_fails_has_failed(tmp_path):
    """What cannot be written to the log at last is not lost unseen."""
    code = (
        "import os, sys\n"
        "from cellsift.workflow.job import job\n"
        "with job(sys.argv[1]):\n"
        "    print('a line')\n"
        "    os.close(1)\n"
    )
    done = run_buffered(code, tmp_path / "log")
    assert done.returncode != 0
    assert "Error: " in done.stderr


def test_a_job_whose_log_is_cut_off_at_last_says_so(tmp_path):
    """Nothing else does: Snakemake's own words are kept from the terminal."""
    code = (
        "import atexit, os, sys\n"
        "from cellsift.workflow.job import job\n"
        "with job(sys.argv[1]):\n"
        "    atexit.register(lambda: (print('last words'), os.close(1)))\n"
    )
    log = tmp_path / "log"
    done = run_buffered(code, log)
    assert done.returncode == 1
    assert done.stderr.strip().startswith(f"Error: {log}: this could not be written to its end.")
