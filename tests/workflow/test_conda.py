"""The chain in its per-rule environments, which a stand-in of conda really makes and activates."""

import json
import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import pandas as pd
import pytest

from cellsift.detection import detect
from cellsift.interop.mlflow_store import SETTINGS
from cellsift.io.volumes import open_volume
from checkout import Checkout

pytestmark = pytest.mark.slow

TOOLS = Path(__file__).resolve().parents[1] / "conda"
ENVIRONMENTS = 4
# What the demo runs, small: cellfinder's detection without a threshold, and cellfinder's network.
CELLFINDER = {"method": "cellfinder", "soma_diameter": 16, "n_sds_above_mean_thresh": 3}
SLABS = {"mouse_3": {"jobs_per_brain": {"detection": 2}}}


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


def test_every_environment_is_enough_for_its_rules(new_checkout, conda, repository, tmp_path):
    """Each holds what its own file names; nothing is borrowed from where Snakemake lives.

    They are made beforehand as the README says, after which its command for a cluster has none to
    make.
    """
    checkout = new_checkout()
    checkout.write_arm("small", architecture="resnet_cellfinder", training={"learning_rate": 0.001})
    checkout.write_config("small.yaml", detection=CELLFINDER, brains=SLABS)
    checkout.leave_out("mouse_2")
    alone = conda | {
        "CONDA_SHIM_LINK": str(TOOLS / "link_packages.py"),
        "OTHER_SITE_PACKAGES": sysconfig.get_paths()["purelib"],
        "KEPT_OUT": str(tmp_path),
    }
    readme = (repository / "README.md").read_text().replace("mine.yaml", "small.yaml")
    commands = re.findall(r"^snakemake (.*--sdm conda .*)$", readme, flags=re.MULTILINE)
    beforehand, on_the_cluster = (command.split() for command in commands)
    dry = (*on_the_cluster, "--dry-run")
    told = []
    for arguments in (dry, beforehand, dry, ("--sdm", "conda", "--cores", "2")):
        ran = run(checkout, alone, *arguments)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        told.append("will be created" in ran.stdout + ran.stderr)
    assert told[0]
    assert not told[2]
    made = [p for p in (checkout.folder / ".snakemake" / "conda").iterdir() if p.is_dir()]
    assert len(made) == ENVIRONMENTS
    # What libraries would use if they found it, so the barrier was there.
    assert "pyarrow" in {path.read_text() for path in tmp_path.iterdir()}
    signal = open_volume(checkout.folder / "brains" / "mouse_3" / "signal", (5, 2, 2))
    found = pd.read_csv(checkout.results / "brains" / "mouse_3" / "detected.csv")
    pd.testing.assert_frame_equal(found, detect(signal, **CELLFINDER), check_dtype=False, atol=1e-6)
    cells = pd.read_csv(checkout.results / "brains" / "mouse_3" / "small" / "cells.csv")
    assert len(cells) == len(found) > 20


def test_pip_sections_install(new_checkout, conda):
    """The smallest environment, really downloaded, with the pinned versions and no others'."""
    checkout = new_checkout()
    target = "results/brains/mouse_1/projection.npz"
    ran = run(checkout, conda, "--cores", "1", "--sdm", "conda", "--", target)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    (made,) = [p for p in (checkout.folder / ".snakemake" / "conda").iterdir() if p.is_dir()]
    installed = {path.name for path in made.glob("lib/python*/site-packages/*")}
    assert {"zarr", "tifffile"} <= installed
    assert not {"torch", "cellfinder", "keras"} & installed


def test_mlflow_has_every_arm_and_fold(finished, conda, tmp_path):
    """MLflow in its own environment, really downloaded, which then reads what was written."""
    # Of its own: what it depends on is made anew in an environment, too.
    checkout = Checkout.copied(finished.folder, tmp_path / "checkout")
    checkout.write_config("small.yaml", mlflow=True)
    # Snakemake would make the environments of all steps before, even of those that are done.
    only = ("--sdm", "conda", "--cores", "1", "--allowed-rules", "track", "--", "results/mlflow")
    ran = run(checkout, conda, *only)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    (mlflow,) = (checkout.folder / ".snakemake" / "conda").glob("*/bin/mlflow")
    store = (checkout.results / "mlflow").as_uri()
    read = [mlflow.with_name("python"), TOOLS / "read_mlflow.py", store]
    environment = os.environ | SETTINGS
    printed = subprocess.run(read, env=environment, capture_output=True, text=True, check=True)
    runs = json.loads(printed.stdout)
    assert set(runs) == {"small", "small fold-0", "small fold-1"}
    assert {run["state"] for run in runs.values()} == {"FINISHED"}
    arm, fold = runs["small"], runs["small fold-1"]
    assert fold["parent"] == arm["id"]
    assert (
        arm["parameters"].items() >= {"architecture": "resnet", "width": "4", "epochs": "3"}.items()
    )
    assert fold["parameters"].items() >= {"epochs": "3", "batch_size": "16"}.items()
    table = pd.read_csv(checkout.results / "evaluation" / "end_to_end.csv")
    of = table.set_index(["arm", "brain", "metric"])["value"]
    assert arm["metrics"]["mouse_3/end_to_end/recall"] == of["small", "mouse_3", "recall"]
    history = pd.read_csv(checkout.results / "training" / "small" / "fold-1" / "history.csv")
    assert fold["curve"] == history[["epoch", "validation_loss"]].to_numpy().tolist()
