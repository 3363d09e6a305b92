"""Brains that fail in the middle of a run, and brains with next to no candidates.

One message names the brain and what to do, the others are finished, nothing is half-written.
"""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile

from checkout import Checkout

pytestmark = pytest.mark.slow

SHAPE = (28, 150, 180)
SOMA = (14, 75, 90)
ROLES = ("train", "test")


def write_planes(folder: Path, somata: int) -> None:
    """A brain of faint noise with one bright soma or none, and an annotation of it."""
    rng = np.random.default_rng(1)
    z, y, x = np.indices(SHAPE, dtype=np.float32)
    squared = ((z - SOMA[0]) * 5) ** 2 + ((y - SOMA[1]) * 2) ** 2 + ((x - SOMA[2]) * 2) ** 2
    soma = 3000 * np.exp(-squared / (2 * 4.0**2))
    for channel, bright in (("signal", somata), ("background", 0)):
        (folder / channel).mkdir(parents=True)
        voxels = 1000 + rng.integers(0, 4, SHAPE) + bright * soma
        for plane, values in enumerate(voxels.astype(np.uint16)):
            tifffile.imwrite(folder / channel / f"plane_{plane:04}.tif", values)
    rows = [SOMA] * somata
    pd.DataFrame(rows, columns=["z", "y", "x"]).to_csv(folder / "cells.csv", index=False)


def garble(plane: Path) -> None:
    """Change compressed voxels, not the header: only decoding the plane shows it."""
    with tifffile.TiffFile(plane) as tif:
        start, count = tif.pages[0].dataoffsets[0], tif.pages[0].databytecounts[0]
    content = bytearray(plane.read_bytes())
    content[start + count // 2 : start + count] = bytes(count - count // 2)
    plane.write_bytes(content)


@pytest.fixture(scope="module")
def copy_finished(finished, small_brains, tmp_path_factory):
    """A function that copies the finished checkout, so that other tests find it as it was.

    It has brains more: `dark` without a soma, `single` with one, and `garbled` with a bad plane.
    """
    brains = tmp_path_factory.mktemp("more_brains")
    write_planes(brains / "dark", 0)
    write_planes(brains / "single", 1)
    shutil.copytree(small_brains / "mouse_3", brains / "garbled")
    garble(brains / "garbled" / "signal" / "plane_0011.tif")

    def copy() -> Checkout:
        folder = tmp_path_factory.mktemp("copy") / "checkout"
        shutil.copytree(finished.folder, folder, symlinks=True)
        checkout = object.__new__(Checkout)
        checkout.__dict__.update(vars(finished), folder=folder)
        (folder / "more").symlink_to(brains)
        return checkout

    return copy


def row(checkout: Checkout, name: str, role: str, source: str) -> str:
    cells = f"more/{source}/cells.csv" if role != "predict" else ""
    return checkout.row(name, role, cells, source).replace("brains/", "more/")


def errors_in(output: str) -> list[str]:
    return [line for line in output.splitlines() if line.startswith("Error: ")]


def assert_finished(checkout: Checkout, brain: str, candidates: int | None = None) -> None:
    results = checkout.results
    cells = pd.read_csv(results / "brains" / brain / "small" / "cells.csv")
    assert candidates is None or len(cells) == candidates
    assert (results / "brains" / brain / "small" / "cells.xml").exists()
    assert (results / "reports" / "brains" / f"{brain}.html").stat().st_size > 20_000


@pytest.fixture
def small_disk(tmp_path):
    """A file system with room for a brain's tables, but not for its cuboids."""
    folder = tmp_path / "small_disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(folder)]
    if not shutil.which("mount") or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("a file system can be mounted by root alone")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_brains_that_fail_do_not_hold_up_those_with_few_candidates(copy_finished):
    checkout = copy_finished()
    checkout.write_table(
        row(checkout, "garbled", "predict", "garbled"),
        row(checkout, "dark", "predict", "dark"),
        row(checkout, "single", "predict", "single"),
    )
    code, output = checkout.run("--cores", "2", "--keep-going")
    assert code != 0
    errors = errors_in(output)
    assert errors, output
    for error in errors:  # One for each job that reads the plane.
        assert "brain garbled" in error
        assert "plane_0011.tif" in error
        assert "Copy or export the file again" in error
    assert "Traceback" not in output
    assert_finished(checkout, "dark", candidates=0)
    assert_finished(checkout, "single", candidates=1)
    left = {path.name for path in (checkout.results / "brains" / "garbled").rglob("*")}
    assert left <= {"preflight.json", "detection"}
    assert not checkout.leftovers
    assert "train" not in {line.strip() for line in output.splitlines()}


def test_a_brain_whose_disk_is_full_does_not_hold_up_another(copy_finished, small_disk):
    checkout = copy_finished()
    (checkout.results / "brains" / "full").symlink_to(small_disk)
    checkout.write_table(
        checkout.row("full", "predict", source="mouse_3"),
        row(checkout, "single", "predict", "single"),
    )
    code, output = checkout.run("--cores", "2", "--keep-going")
    assert code != 0
    errors = errors_in(output)
    assert errors, output
    for error in errors:
        assert "brain full" in error
        assert "no room to write" in error
    assert_finished(checkout, "single", candidates=1)
    assert not list(small_disk.rglob("*.zarr"))
    assert not checkout.leftovers


def test_brains_with_few_candidates_beside_others_to_train_and_to_test_on(copy_finished):
    checkout = copy_finished()
    names = [(f"{brain}_{role}", role, brain) for brain in ("dark", "single") for role in ROLES]
    checkout.write_table(*(row(checkout, *name) for name in names))
    code, output = checkout.run("--cores", "2")
    assert code == 0, output
    for name, _, brain in names:
        assert_finished(checkout, name, candidates=int(brain == "single"))
    scores = pd.read_csv(checkout.results / "evaluation" / "classification.csv")
    assert {name for name, _, _ in names} <= set(scores["brain"])
