"""Brains that fail in the middle of a run, and brains with next to no candidates.

One message names the brain and what to do, the others are finished, nothing is half-written.
"""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile

from checkout import Checkout
from damage import garble

pytestmark = pytest.mark.slow

SHAPE = (28, 150, 180)
SOMA = (14, 75, 90)


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


@pytest.fixture(scope="module")
def copy_finished(finished, small_brains, tmp_path_factory):
    """A function that copies the finished checkout, so that other tests find it as it was.

    It has brains more: `dark` without a soma, `single` with one, and a second of each; `garbled`
    with a bad plane, `refused` with one that preflight looks at, and copies of one with which
    nothing is wrong.
    """
    brains = tmp_path_factory.mktemp("more_brains")
    for name, somata in (("dark", 0), ("single", 1), ("dark_2", 0), ("single_2", 1)):
        write_planes(brains / name, somata)
    for name in ("garbled", "refused", "full", "closed", "gone"):
        shutil.copytree(small_brains / "mouse_3", brains / name)
    garble(brains / "garbled" / "signal" / "plane_0011.tif")
    garble(brains / "refused" / "signal" / "plane_0008.tif")

    def copy() -> Checkout:
        checkout = Checkout.copied(finished.folder, tmp_path_factory.mktemp("copy") / "checkout")
        (checkout.folder / "more").symlink_to(brains)
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
def small_disk(new_disk) -> Path:
    """A file system with room for a brain's tables, but not for its cuboids."""
    return new_disk("200k")


def run_with(checkout: Checkout, faults: dict[str, Callable[[], object]]) -> tuple[int, str]:
    """Exit code and output of a run in which each fault comes once a step is told to be done.

    At once, before Python has started for a job that needs what the step made.
    """
    process = checkout.start("--cores", "2", "--keep-going")
    lines, left = [], dict(faults)
    for line in process.stdout:
        lines.append(line)
        left.pop(line.partition(":")[0], lambda: None)()
    assert not left, "".join(lines)
    return process.wait(), "".join(lines)


def test_brains_that_fail_do_not_hold_up_those_with_few_candidates(copy_finished, obeying):
    """A plane is garbled; after a look at the volumes a share vanishes, and a folder is closed."""
    checkout = copy_finished()
    brains, planes = checkout.results / "brains", checkout.folder / "more" / "gone" / "signal"
    faults = {"gone": lambda: planes.rename(planes.with_name("away"))}
    if obeying is not None:
        faults["closed"] = lambda: (brains / "closed").chmod(0o555)
        command = checkout.command
        checkout.command = lambda *arguments: [*obeying, *command(*arguments)]
    names = [*faults, "garbled", "refused", "dark", "single"]
    checkout.write_table(*(row(checkout, name, "predict", name) for name in names))
    moments = {f"accept the volumes of {name}": fault for name, fault in faults.items()}
    code, output = run_with(checkout, moments)
    assert code != 0
    said = {
        "garbled": ("plane_0011.tif", "Copy or export the file again"),
        "refused": ("plane_0008.tif", "Copy or export the file again"),
        "gone": ("more/gone/signal", "network share is mounted"),
        "closed": (
            "results/brains/closed/",
            "Permission denied",
            "Give yourself the permission",
        ),
    }
    errors = errors_in(output)
    for brain in set(said) & set(names):
        # One for each job that comes upon it.
        names_it = (f"Error: brain {brain}: ", f"Error: brain {brain}, signal: ")
        own = [error for error in errors if error.startswith(names_it)]
        assert own, output
        assert all(part in error for error in own for part in said[brain])
        errors = [error for error in errors if error not in own]
        # A slab may be whole before another job of the brain fails.
        files = {path.name for path in (brains / brain).rglob("*") if path.is_file()}
        assert files <= {"checked.json", "volumes.json", "preflight.json", "detect-0.npz"}
    # It is looked at again in the next run.
    assert not (brains / "refused" / "checked.json").exists()
    page = (checkout.results / "reports" / "index.html").read_text()
    assert "Not usable: brain refused, signal: more/refused/signal/plane_0008.tif" in page
    assert all(f"brains/{name}.html" in page for name in names if name != "refused")
    assert errors == []
    assert "Traceback" not in output
    assert_finished(checkout, "dark", candidates=0)
    assert_finished(checkout, "single", candidates=1)
    assert not checkout.leftovers
    assert "\ntrain " not in output
    if obeying is None:
        pytest.skip("the rest was tested, but root may write everywhere and has no setpriv")


def test_a_brain_whose_disk_is_full_does_not_hold_up_another(copy_finished, small_disk):
    checkout = copy_finished()
    (checkout.results / "brains" / "full").symlink_to(small_disk)
    checkout.write_table(
        row(checkout, "full", "predict", "full"),
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
    roles = {"dark": "train", "dark_2": "test", "single": "train", "single_2": "test"}
    checkout.write_table(*(row(checkout, name, role, name) for name, role in roles.items()))
    code, output = checkout.run("--cores", "2")
    assert code == 0, output
    for name in roles:
        assert_finished(checkout, name, candidates=int(name.startswith("single")))
    scores = pd.read_csv(checkout.results / "evaluation" / "classification.csv")
    assert set(roles) <= set(scores["brain"])
