"""The table of costs: measured, kept by arm and device, and readable."""

import subprocess
import sys

import pandas as pd
import pytest
import torch

from cellsift.benchmarks.costs.__main__ import main, networks
from cellsift.benchmarks.costs.page import describe
from cellsift.benchmarks.costs.table import CHANNELS, SHAPE, add_row
from cellsift.benchmarks.costs.training_cost import seconds_per_epoch
from cellsift.models import create_model
from cellsift.project.arms import read_arm

ROW = {
    "arm": "a",
    "device": "cpu",
    "threads": 1,
    "date": "2026-01-01",
    "parameters": 2_075_890,
    "flops_per_cuboid": 45_726_464,
    "training_seconds_per_1000_cuboids": 12.3456,
    "cuboids_per_second": 12345.6,
    "classifying_memory_mb": 437.9,
    "seconds": 3.0,
}


@pytest.mark.parametrize("name", ["mobilenet_narrow", "pipnet_narrow", "features"])
def test_training_of_any_kind_takes_time(name):
    arm = read_arm(name)
    assert seconds_per_epoch(arm, 2, (8, 16, 16), (5, 2, 2), device="cpu", seconds=0) > 0


def test_a_new_measurement_replaces_that_of_the_same_arm_and_device(tmp_path):
    path = tmp_path / "costs.csv"
    add_row(path, ROW)
    add_row(path, ROW | {"device": "GPU X"})
    add_row(path, ROW | {"arm": "0"})
    table = add_row(path, ROW | {"parameters": 5})
    pd.testing.assert_frame_equal(table, pd.read_csv(path), check_dtype=False)
    assert table["arm"].tolist() == ["0", "a", "a"]
    assert table.set_index(["arm", "device"])["parameters"].to_dict() == {
        ("0", "cpu"): 2_075_890,
        ("a", "GPU X"): 2_075_890,
        ("a", "cpu"): 5,
    }


def test_the_page_names_device_date_and_readable_figures(tmp_path):
    add_row(tmp_path / "costs.csv", ROW | {"device": "cpu: Y"})
    table = add_row(tmp_path / "costs.csv", ROW | {"device": "GPU X", "date": "2026-02-03"})
    page = describe(table, 2, (20, 50, 50))
    assert "## GPU X (2026-02-03)" in page
    assert "## cpu: Y, 1 thread (2026-01-01)" in page
    assert "| `a` | 2.08 | 0.0457 | 12.3 | 12,300 | 438 |" in page


@pytest.mark.slow
def test_the_command_measures_an_arm_and_writes_both_files(tmp_path):
    # As it is typed: the processes that measure have to find what they run.
    command = [
        sys.executable,
        "-m",
        "cellsift.benchmarks.costs",
        "mobilenet_narrow",
        "--device",
        "cpu",
    ]
    ran = subprocess.run([*command, "--folder", str(tmp_path)], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert "`mobilenet_narrow`" in (tmp_path / "costs.md").read_text()
    (row,) = pd.read_csv(tmp_path / "costs.csv").to_dict("records")
    # A processor has a maker's name.
    assert row["device"].removeprefix("cpu: ") not in ("", "cpu")
    assert "costs.md" in ran.stdout


def test_an_arm_that_does_not_exist_is_refused(tmp_path, capsys):
    assert main(["nothing", "--folder", str(tmp_path)]) == 2
    assert "no arm 'nothing'" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_every_network_is_measured():
    assert {"resnet", "features", "deit3d"} <= set(networks())
    assert "ensemble" not in networks()


def test_an_ensemble_is_not_measured_but_its_members(tmp_path, capsys):
    assert main(["ensemble_stacking", "--folder", str(tmp_path)]) == 2
    assert "measure resnet_narrow, resnet_cellfinder_narrow" in capsys.readouterr().err


@pytest.fixture(scope="module")
def committed(repository) -> pd.DataFrame:
    return pd.read_csv(repository / "reports" / "costs.csv")


def test_the_table_that_comes_along_has_every_network_once_on_a_cpu(committed):
    on_cpu = committed[committed["device"].str.startswith("cpu")]
    assert on_cpu["device"].nunique() == 1
    assert sorted(on_cpu["arm"]) == networks()


def test_the_table_that_comes_along_is_of_the_networks_as_they_are(committed):
    def parameters(name: str) -> int:
        arm = read_arm(name)
        with torch.device("meta"):
            network = create_model(arm.architecture, CHANNELS, SHAPE, **arm.options)
        return sum(p.numel() for p in network.parameters() if p.requires_grad)

    found = committed.drop_duplicates("arm").set_index("arm")["parameters"]
    assert found.to_dict() == {name: parameters(name) for name in found.index}


def test_the_page_that_comes_along_is_that_of_its_table(committed, repository):
    page = (repository / "reports" / "costs.md").read_text()
    assert page == describe(committed, CHANNELS, SHAPE)
