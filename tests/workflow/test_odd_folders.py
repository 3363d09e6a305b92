"""Checkouts where people keep them: in folders of any name, without a home to write to."""

import os
import subprocess

import pandas as pd
import pytest

pytestmark = pytest.mark.slow

# What sync services and people call their folders.
ODD = "OneDrive - Universität (Anna's lab) $HOME & co"
TARGET = "results/brains/mouse_1/checked.json"


@pytest.fixture
def odd(checkout_in):
    """A checkout in a folder whose name a shell would not leave whole."""
    return checkout_in(ODD)


def run(checkout, *command: str, **variables: str) -> subprocess.CompletedProcess:
    """Run a command of the checkout's Python."""
    return subprocess.run(
        [*command, "--configfile", "small.yaml"],
        cwd=checkout.folder,
        env=os.environ | {"PYTHONPATH": str(checkout.folder / "scripts")} | variables,
        capture_output=True,
        text=True,
    )


def test_the_whole_chain_works_in_a_folder_of_any_name_without_a_home(odd, obeying, tmp_path):
    """With cellfinder's detection and network, whose libraries would keep files in the home."""
    detection = {"method": "cellfinder", "soma_diameter": 16, "n_sds_above_mean_thresh": 3}
    odd.write_arm("small", architecture="resnet_cellfinder", training={"learning_rate": 0.001})
    odd.write_config("small.yaml", detection=detection)
    odd.leave_out("mouse_2")
    home = tmp_path / "home"
    home.mkdir(mode=0o555)
    # Where root cannot be made to obey, a home below a file serves as well.
    place, wrap = (home, obeying) if obeying is not None else (odd.folder / "slurm/config.yaml", [])
    command = [*wrap, ".venv/bin/python", "scripts/run.py", "--cores", "2"]
    ran = run(odd, *command, HOME=str(place))
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "home" in ran.stdout
    assert list(home.iterdir()) == []
    cells = pd.read_csv(odd.results / "brains" / "mouse_3" / "small" / "cells.csv")
    assert len(cells) > 20
    assert (odd.results / "reports" / "brains" / "mouse_3.html").exists()
    assert "Traceback" not in ran.stdout + ran.stderr


def test_snakemake_itself_starts_jobs_there(odd):
    ran = run(odd, ".venv/bin/python", "-m", "snakemake", "--cores", "1", TARGET)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert (odd.folder / TARGET).exists()
    # What was made is named, not a report that is not there.
    assert f"Done: {TARGET}" in ran.stdout
    assert "report is in" not in ran.stdout
