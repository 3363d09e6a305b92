"""The chain in its per-rule environments, which a stand-in of conda really makes and activates."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from comparison import assert_same_tables

pytestmark = pytest.mark.slow

TOOLS = Path(__file__).resolve().parents[1] / "conda"
ENVIRONMENTS = 4


@pytest.fixture(scope="module")
def conda(tmp_path_factory) -> dict[str, str]:
    """The environment variables under which Snakemake finds the stand-in and its channel."""
    channel = tmp_path_factory.mktemp("channel")
    make = [sys.executable, str(TOOLS / "make_channel.py"), str(channel)]
    subprocess.run(make, check=True, capture_output=True)
    return {
        "PATH": f"{TOOLS / 'bin'}:{os.environ['PATH']}",
        "CONDA_SHIM_PYTHON": sys.executable,
        "CONDA_SHIM_CHANNELS": f"conda-forge=file://{channel}",
    }


def run(checkout, variables: dict[str, str], *arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "snakemake", "--configfile", "small.yaml", *arguments],
        cwd=checkout.folder,
        env=os.environ | variables,
        capture_output=True,
        text=True,
    )


def snakemakes_own() -> set[str]:
    """Packages that Snakemake itself loads into every job."""
    listed = "import sys, snakemake.script; print(*{m.split('.')[0] for m in sys.modules})"
    ran = subprocess.run([sys.executable, "-c", listed], capture_output=True, text=True, check=True)
    return set(ran.stdout.split())


def test_every_environment_is_enough_for_its_rules(new_checkout, finished, conda, tmp_path):
    """Each holds what its own file names; nothing is borrowed from where Snakemake lives."""
    checkout = new_checkout()
    alone = conda | {
        "CONDA_SHIM_LINK": str(TOOLS / "link_packages.py"),
        "OTHER_SITE_PACKAGES": sysconfig.get_paths()["purelib"],
        "STRAYS": str(tmp_path),
    }
    beforehand = ("--sdm", "conda", "--conda-create-envs-only", "--cores", "1")
    for arguments in (beforehand, ("--sdm", "conda", "--cores", "2")):
        ran = run(checkout, alone, *arguments)
        assert ran.returncode == 0, ran.stdout + ran.stderr
    made = [p for p in (checkout.folder / ".snakemake" / "conda").iterdir() if p.is_dir()]
    assert len(made) == ENVIRONMENTS
    noted = [path.read_text().split() for path in tmp_path.glob("*.txt")]
    assert len(noted) > 20
    assert set().union(*noted) - snakemakes_own() == set()
    assert_same_tables(finished.results, checkout.results)


def test_pip_sections_install(new_checkout, conda):
    """The smallest environment, really downloaded, with the pinned versions and no others'."""
    checkout = new_checkout()
    target = "results/brains/mouse_1/projection.npz"
    ran = run(checkout, conda, target, "--cores", "1", "--sdm", "conda")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    (made,) = [p for p in (checkout.folder / ".snakemake" / "conda").iterdir() if p.is_dir()]
    installed = {path.name for path in made.glob("lib/python*/site-packages/*")}
    assert {"zarr", "tifffile"} <= installed
    assert not {"torch", "cellfinder", "keras"} & installed
