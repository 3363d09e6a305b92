"""The rehearsal's brain is as large as asked and never whole in memory; its report adds up."""

import json

import numpy as np
import pytest

from cellsift.errors import InputError
from cellsift.phantom import make_brain
from cellsift.rehearsal.__main__ import main
from cellsift.rehearsal.brain import TILE, brain_shape, open_brain, write_tile
from cellsift.rehearsal.extrapolation import extrapolate
from cellsift.rehearsal.measuring import measured
from cellsift.rehearsal.report import describe

GIGABYTE = 1_000_000_000
STEPS = {
    "read": {"seconds": 10.0, "voxels": 10**9, "bytes_read": 2 * 10**9, "peak_memory": 10**8},
    "detect": {"seconds": 100.0, "voxels": 10**9, "bytes_read": 2 * 10**9, "candidates": 5000},
    "cuboids": {"seconds": 40.0, "voxels": 10**9, "bytes_read": 4 * 10**9, "candidates": 5000},
    "classify": {"seconds": 60.0, "candidates": 5000},
    "project": {"seconds": 10.0, "bytes_read": 4 * 10**9},
}
for step in STEPS.values():
    step |= {"peak_memory": GIGABYTE, "memory_before": GIGABYTE // 4}
STEPS["cuboids"]["bytes_written"] = 2 * 10**8
STEPS["detect"] |= {"gathering_seconds": 4.0, "halo_planes": 12}


@pytest.fixture(scope="module")
def tile(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tile")
    write_tile(folder)
    return folder


@pytest.mark.parametrize("voxels", [1e7, 1e10, 10**11.5])
def test_a_brain_of_any_size_opens_without_being_made(tile, voxels):
    for volume in open_brain(tile, voxels):
        assert volume.data.size == pytest.approx(voxels, rel=0.02)
        assert volume.shape == brain_shape(voxels)
        assert volume.planes(3, 4).shape == (1, *volume.shape[1:])


def test_planes_are_mirror_images_of_the_tile(tile):
    signal, _ = open_brain(tile, 2e7)
    expected = np.pad(
        make_brain(1, TILE).signal,
        [(0, max(0, n - m)) for n, m in zip(signal.shape, TILE.shape, strict=True)],
        mode="symmetric",
    )[tuple(map(slice, signal.shape))]
    assert signal.shape[0] > TILE.shape[0]
    np.testing.assert_array_equal(signal.planes(50, 70), expected[50:70])


@pytest.mark.parametrize("voxels", [0, 1000, float("nan"), float("inf"), -1e9])
def test_a_size_that_is_no_brain_is_refused(voxels):
    with pytest.raises(InputError, match="voxels"):
        brain_shape(voxels)


def hold(byte_count: int) -> dict:
    return {"sum": int(np.ones(byte_count, np.uint8)[-1])}


def test_a_step_is_measured_in_a_process_of_its_own():
    held = np.ones(600_000_000, np.uint8)
    large, small = measured(hold, 300_000_000), measured(hold, 1000)
    assert large["sum"] == held[0]
    assert large["peak_memory"] - large["memory_before"] > 290_000_000
    # What this process holds does not count.
    assert small["peak_memory"] < 600_000_000


def test_extrapolation_scales_with_voxels_and_nodes():
    whole = extrapolate(STEPS, 10**9, 2 * GIGABYTE, target=10**11)
    assert whole["candidates"] == 500_000
    assert whole["cuboid_bytes"] == 2 * 10**10
    assert whole["hours"]["1"] == pytest.approx(
        {"detect": 100 / 36, "cuboids": 40 / 36, "classify": 60 / 36, "project": 10 / 36}
    )
    # Gathering and projections are one job for a brain.
    assert whole["hours"]["100"] == pytest.approx(
        {"detect": 4.96 / 36, "cuboids": 0.4 / 36, "classify": 0.6 / 36, "project": 10 / 36}
    )
    # 20 MB/s, 100 MB/s and 400 MB/s of a storage that gives 1 GB/s.
    assert whole["nodes_until_storage"] == pytest.approx(
        {"detect": 50, "cuboids": 10, "project": 2.5}
    )
    time, alone, storage, memory = whole["binds_first"]
    assert "detect: 48%" in time
    assert "project, with 0.28 h" in alone
    assert "project" in storage
    plane = whole["plane_bytes"] / 2
    assert whole["detect_bytes"] == pytest.approx(4 * 12 * plane)
    assert f"{whole['detect_bytes'] / 1e9:.1f} GB" in memory


def test_the_page_says_what_was_measured():
    page = describe(
        {
            "voxels": 10**9,
            "shape": [400, 1600, 1562],
            "method": "dog",
            "cores": 2,
            "memory_bytes": 2 * GIGABYTE,
            "steps": STEPS,
            "whole_brain": extrapolate(STEPS, 10**9, 2 * GIGABYTE),
        }
    )
    assert "| detect | 100.0 | 10,000,000 | 50 | 1.00 | 0.25 |" in page
    assert "| classify | 60.0 |  | 83 | 1.00 | 0.25 |" in page
    assert "untrained" in page


@pytest.mark.slow
def test_a_small_rehearsal_leaves_its_report_alone(tmp_path):
    assert main([str(tmp_path), "--voxels", "2e6", "--memory-gb", "0.2"]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rehearsal.json", "report.md"]
    found = json.loads((tmp_path / "rehearsal.json").read_text())
    assert list(found["steps"]) == ["read", "detect", "cuboids", "classify", "project"]
    assert found["voxels"] == np.prod(found["shape"])
    assert found["steps"]["classify"]["candidates"] == found["steps"]["cuboids"]["candidates"] > 3


def test_a_rehearsal_that_is_too_small_is_refused(tmp_path, capsys):
    assert main([str(tmp_path / "new"), "--voxels", "10"]) == 2
    assert "no brain has 10 voxels" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()
