"""Disks that fill up, refuse or vanish, damaged planes, and killed writers.

Each ends in one message that says what to do, and leaves nothing half-written.
"""

import builtins
import errno
import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
import zarr

from cellsift.cuboids.extraction import extract_cuboids
from cellsift.cuboids.store import CuboidStore
from cellsift.errors import InputError
from cellsift.io.atomic import atomic_file, atomic_folder
from cellsift.io.tables import write_table
from cellsift.io.volumes import open_volume
from damage import garble

pytestmark = pytest.mark.slow

VOXEL_SIZE = (5.0, 2.0, 2.0)
SHAPE = (12, 40, 36)
CUBOID = {"shape": (4, 8, 8), "voxel_size": VOXEL_SIZE}


@pytest.fixture
def voxels() -> np.ndarray:
    return np.random.default_rng(5).integers(100, 4000, SHAPE).astype(np.uint16)


@pytest.fixture
def planes(tmp_path, voxels) -> Path:
    """A folder of compressed planes."""
    folder = tmp_path / "signal"
    folder.mkdir()
    for z, plane in enumerate(voxels):
        tifffile.imwrite(folder / f"plane_{z:04}.tif", plane, compression="zlib", predictor=True)
    return folder


@pytest.fixture
def small_disk(new_disk) -> Path:
    """A real file system of 64 KiB."""
    return new_disk("64k")


def in_a_job(body: str, log: Path, *arguments: object, largest_file: int | None = None, wrap=()):
    """Run statements as a rule's script does; `arguments` are in sys.argv from 1 on."""
    limit = (
        ""
        if largest_file is None
        else f"resource.setrlimit(resource.RLIMIT_FSIZE, (\
{largest_file}, {largest_file}))"
    )
    script = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "import numpy as np\nimport pandas as pd\n"
        "from cellsift.workflow.job import job\n"
        f"{limit}\n"
        f"with job({str(log)!r}, {{'brain': 'mouse_7', 'chunk': '1'}}):\n"
        + textwrap.indent(textwrap.dedent(body), "    ")
    )
    return subprocess.run(
        [*wrap, sys.executable, "-c", script, *map(str, arguments)], capture_output=True, text=True
    )


def assert_told(done: subprocess.CompletedProcess, *parts: object) -> None:
    """One message, which names the brain and says all these parts; and the job has failed."""
    assert done.returncode != 0
    said = [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
    assert len(said) == 1, done.stderr
    assert said[0].startswith("Error: brain mouse_7: ")
    for part in parts:
        assert str(part) in said[0]
    assert "Traceback" not in done.stderr


WRITERS = {
    "table": """
        from cellsift.io.tables import write_table
        write_table(pd.DataFrame({"x": np.random.rand(100_000)}), sys.argv[1])
    """,
    "array": """
        from cellsift.io.tables import write_array
        write_array(np.random.rand(100_000), sys.argv[1])
    """,
    "json": """
        from cellsift.io.json_files import write_json
        write_json({"x": list(range(100_000))}, sys.argv[1])
    """,
    "xml": """
        from cellsift.io.cells import write_cells_xml
        cells = pd.DataFrame({"z": range(9000), "y": 1, "x": 2, "is_cell": True})
        write_cells_xml(cells, sys.argv[1])
    """,
    "parts": """
        from cellsift.detection.parts import write_parts
        write_parts([{"a": np.random.rand(100_000)}], sys.argv[1])
    """,
    "projection": """
        from cellsift.reporting.projections import Projection, save_projection
        view = np.random.randint(0, 2**16, (1, 500, 500)).astype(np.uint16)
        save_projection(Projection(view, view, (1, 1, 1), (1, 1, 1), (1, 1, 1)), sys.argv[1])
    """,
    "saliency": """
        from cellsift.explain.volume import write_saliency
        cuboids, saliency = np.random.rand(4, 2, 20, 20, 20), np.random.rand(4, 20, 20, 20)
        write_saliency(sys.argv[1], cuboids, saliency, (5, 1, 1), ["a", "b", "c", "d"])
    """,
    "weights": """
        import torch
        from cellsift.models import create_model
        from cellsift.cuboids.normalisation import Normalisation
        from cellsift.models.storage import save_model
        model = create_model("resnet", 2, (16, 20, 20), depth=18, width=8)
        sidecar = {
            "architecture": "resnet", "options": {"depth": 18, "width": 8}, "in_channels": 2,
            "cuboid": {"shape": [16, 20, 20], "voxel_size": [5, 1, 1]},
            "normalisation": Normalisation().to_dict(), "provenance": {},
        }
        target = Path(sys.argv[1])
        save_model(target.with_name(f"{target.name}.json"), model, sidecar)
    """,
    "checkpoint": """
        import torch
        from cellsift.training.checkpoint import save_checkpoint
        save_checkpoint(Path(sys.argv[1]), "mark", {"weights": torch.rand(100_000)})
    """,
    "cuboids": """
        import dask.array as da
        from cellsift.cuboids.extraction import extract_cuboids
        from cellsift.io.volumes import Volume
        voxels = np.random.randint(0, 2**16, (20, 60, 60)).astype(np.uint16)
        volume = Volume(da.from_array(voxels), (5.0, 2.0, 2.0), "made up")
        positions = np.random.default_rng(0).uniform(5, 15, (200, 3))
        extract_cuboids(volume, None, positions, (8, 16, 16), (5, 2, 2), sys.argv[1])
    """,
}


@pytest.mark.parametrize("writer", WRITERS)
def test_a_file_that_finds_no_room_is_told_and_not_left_half_written(writer, tmp_path):
    folder = tmp_path / "brain"
    folder.mkdir()
    done = in_a_job(WRITERS[writer], tmp_path / "log", folder / "out", largest_file=30_000)
    assert_told(done, folder / "out", "no room to write", "start the run again")
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("writer", ["table", "saliency", "checkpoint", "cuboids"])
def test_a_full_disk_is_told_and_what_was_there_is_kept(writer, small_disk, tmp_path):
    (small_disk / "out").mkdir() if writer == "cuboids" else (small_disk / "out").write_text("old")
    done = in_a_job(WRITERS[writer], tmp_path / "log", small_disk / "out")
    assert_told(done, small_disk / "out", "No space left on device")
    assert [path.name for path in small_disk.iterdir()] == ["out"]
    if writer != "cuboids":
        assert (small_disk / "out").read_text() == "old"


def test_a_full_disk_that_holds_the_log_as_well_is_told(small_disk):
    (small_disk / "big").write_bytes(bytes(60_000))
    done = in_a_job(WRITERS["table"], small_disk / "log", small_disk / "out")
    assert_told(done, small_disk / "out", "No space left on device")
    assert not (small_disk / "out").exists()


@pytest.mark.parametrize("writer", ["table", "weights", "cuboids"])
def test_a_read_only_disk_is_told(writer, small_disk, tmp_path):
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    done = in_a_job(WRITERS[writer], tmp_path / "log", small_disk / "out")
    assert_told(done, small_disk, "Read-only file system", "permission", "results")


def test_a_folder_without_permission_is_told(obeying, tmp_path):
    if obeying is None:
        pytest.skip("root may write everywhere, and setpriv is not there to forbid it")
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o555)
    done = in_a_job(WRITERS["table"], tmp_path / "log", folder / "out", wrap=obeying)
    assert_told(done, folder, "Permission denied")


FAILURES = {
    "input": "from cellsift.errors import InputError; raise InputError('no such plane')",
    "disk": "raise OSError(28, 'No space left on device', 'out')",
    "other": "raise RuntimeError('of no known kind')",
}


@pytest.mark.parametrize("kind", FAILURES)
def test_the_log_ends_with_the_message_that_the_terminal_gets(kind, tmp_path):
    """So that it is found where no terminal is at hand, as on a cluster."""
    done = in_a_job(f"print('at work', end='')\n{FAILURES[kind]}", tmp_path / "log")
    assert_told(done)
    told = [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
    log = (tmp_path / "log").read_text()
    assert log.startswith("at work")
    assert log.splitlines()[-1] == told[0]
    assert ("Traceback" in log) == (kind != "input")


READ = """
    from cellsift.io.volumes import open_volume
    volume = open_volume(sys.argv[1], (5, 2, 2))
    exec(sys.argv[2])
    volume.planes(4, 8)
"""


def test_a_garbled_plane_is_told_by_name(planes, tmp_path):
    garble(planes / "plane_0006.tif")
    done = in_a_job(READ, tmp_path / "log", planes, "")
    assert_told(done, planes / "plane_0006.tif", "Copy or export the file again")


def test_a_garbled_plane_of_a_stack_is_told_by_number(voxels, tmp_path):
    path = tmp_path / "stack.tif"
    tifffile.imwrite(path, voxels, photometric="minisblack", compression="zlib")
    garble(path, plane=6)
    done = in_a_job(READ, tmp_path / "log", path, "")
    assert_told(done, path, "plane 6", "Copy or export the file again")


# One of those that READ asks for.
PLANE_ASKED_FOR = {"planes": r"plane_000[4-7]\.tif", "zarr": r"signal\.zarr: planes? [4-7]\b"}


@pytest.mark.parametrize("gone", ["shutil.rmtree(sys.argv[1])", "Path(sys.argv[1]).rename('away')"])
@pytest.mark.parametrize("kind", ["planes", "zarr"])
def test_a_share_that_vanishes_while_it_is_read_is_told(kind, gone, planes, voxels, tmp_path):
    path = planes
    if kind == "zarr":
        path = _write_ome_zarr(tmp_path / "signal.zarr", voxels)
    gone = gone.replace("'away'", repr(str(tmp_path / "away")))
    done = in_a_job(READ, tmp_path / "log", path, f"import shutil; {gone}")
    assert_told(done, path, "network share is mounted")
    assert re.search(PLANE_ASKED_FOR[kind], done.stderr)


def test_a_stack_that_vanishes_before_it_is_read_is_told(voxels, tmp_path):
    path = tmp_path / "stack.tif"
    tifffile.imwrite(path, voxels, photometric="minisblack")
    done = in_a_job(READ, tmp_path / "log", path, "Path(sys.argv[1]).unlink()")
    assert_told(done, path, "plane ", "network share is mounted")


@pytest.mark.parametrize("number", [errno.ESTALE, errno.EIO, errno.ETIMEDOUT])
def test_a_share_that_does_not_answer_is_told(number, planes, monkeypatch):
    volume = open_volume(planes, VOXEL_SIZE)
    usual = builtins.open

    def failing(file, *arguments, **keywords):
        if str(file).endswith("plane_0005.tif"):
            raise OSError(number, os.strerror(number), file)
        return usual(file, *arguments, **keywords)

    monkeypatch.setattr(builtins, "open", failing)
    with pytest.raises(InputError, match=r"plane_0005\.tif.*network share is mounted"):
        volume.planes(4, 8)


def test_a_store_is_not_made_of_a_brain_with_a_garbled_plane(planes, tmp_path):
    garble(planes / "plane_0006.tif")
    volume = open_volume(planes, VOXEL_SIZE)
    positions = np.full((5, 3), 5.0)
    with pytest.raises(InputError, match="plane_0006"):
        extract_cuboids(volume, None, positions, path=tmp_path / "c.zarr", **CUBOID)
    assert not list(tmp_path.glob("*c*.zarr"))


KILLED = {
    "file": """
        from cellsift.io.atomic import atomic_file
        with atomic_file(sys.argv[1]) as beside, beside.open("w") as file:
            file.write("half")
            file.flush()
            wait()
    """,
    "store": """
        import dask.array as da
        from cellsift.cuboids.extraction import extract_cuboids
        from cellsift.io.volumes import Volume
        class Slow(Volume):
            def planes(self, start, stop):
                if start > 10:
                    wait()
                return super().planes(start, stop)
        volume = Slow(da.ones((40, 40, 40), dtype="u2", chunks=(1, 40, 40)), (5, 2, 2), "made up")
        positions = np.random.default_rng(0).uniform(4, 36, (300, 3))
        extract_cuboids(volume, None, positions, (4, 8, 8), (5, 2, 2), sys.argv[1],
                        memory_bytes=200_000)
    """,
}


def _kill_in_the_middle(writer: str, target: Path) -> None:
    ready = target.with_name("ready")
    script = (
        "import sys, time\nfrom pathlib import Path\nimport numpy as np\n"
        f"def wait():\n    Path({str(ready)!r}).touch()\n    time.sleep(600)\n"
        + textwrap.dedent(KILLED[writer])
    )
    process = subprocess.Popen([sys.executable, "-c", script, str(target)])
    deadline = time.monotonic() + 60
    while not ready.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    assert ready.exists()
    process.send_signal(signal.SIGKILL)
    process.wait()
    ready.unlink()


def test_a_killed_writer_leaves_the_old_file_and_the_next_one_cleans_up(tmp_path):
    target = tmp_path / "cells.csv"
    target.write_text("old")
    _kill_in_the_middle("file", target)
    assert target.read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 2
    write_table(pd.DataFrame({"x": [1]}), target)
    assert list(tmp_path.iterdir()) == [target]
    assert target.read_text() == "x\n1\n"


def test_a_store_whose_writer_was_killed_is_not_there_and_is_made_anew(tmp_path, planes):
    target = tmp_path / "folder" / "1-of-1.zarr"
    target.parent.mkdir()
    _kill_in_the_middle("store", target)
    (left,) = target.parent.iterdir()
    for path in (target, left):
        with pytest.raises(InputError, match=r"no cuboid store|not a complete cuboid store"):
            CuboidStore.open(path)
    volume = open_volume(planes, VOXEL_SIZE)
    extract_cuboids(volume, None, np.full((5, 3), 5.0), path=target, **CUBOID)
    assert list(target.parent.iterdir()) == [target]
    assert len(CuboidStore.open(target)) == 5


def test_only_what_a_writer_of_the_same_name_left_is_removed(tmp_path):
    kept = [".cells-abcdefgh.xml", ".cells-abcdefgh-abcdefgh.csv", "cells-abcdefgh.csv", ".other"]
    for name in [*kept, ".cells-abcdefg1.csv"]:
        (tmp_path / name).touch()
    with atomic_file(tmp_path / "cells.csv") as beside:
        beside.write_text("new")
    assert {path.name for path in tmp_path.iterdir()} == {*kept, "cells.csv"}


def test_errors_that_are_not_the_disks_come_through_unchanged(tmp_path):
    for make in (atomic_file, atomic_folder):
        with pytest.raises(ValueError, match="a mistake"), make(tmp_path / "out"):
            raise ValueError("a mistake")
    assert list(tmp_path.iterdir()) == []


def _write_ome_zarr(path: Path, voxels: np.ndarray) -> Path:
    group = zarr.open_group(path, mode="w", zarr_format=2)
    group.create_array("0", data=voxels, chunks=(1, *voxels.shape[1:]))
    axes = [{"name": name, "type": "space", "unit": "micrometer"} for name in "zyx"]
    scale = {"type": "scale", "scale": list(VOXEL_SIZE)}
    dataset = {"path": "0", "coordinateTransformations": [scale]}
    group.attrs["multiscales"] = [{"version": "0.4", "axes": axes, "datasets": [dataset]}]
    return path
