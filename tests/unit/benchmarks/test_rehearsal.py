"""The rehearsal's brain is as large as asked and never whole in memory; its report adds up."""

import json

import numpy as np
import pytest

from cellsift.benchmarks.rehearsal.__main__ import main
from cellsift.benchmarks.rehearsal.brain import EXTENT_UM, TILE, brain_shape, open_brain, write_tile
from cellsift.benchmarks.rehearsal.extrapolation import extrapolate
from cellsift.benchmarks.rehearsal.measuring import measured
from cellsift.benchmarks.rehearsal.report import describe
from cellsift.errors import InputError
from cellsift.phantom import make_brain

GIGABYTE = 1_000_000_000
# What detection takes beside its data: tables, and the libraries that cellfinder is first to load.
BESIDE_DATA = {"dog": 0.05 * GIGABYTE, "cellfinder": 0.3 * GIGABYTE}
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
STEPS["detect"] |= {"gathering_seconds": 4.0, "halo_planes": 12, "contrast_apart_seconds": 30.0}
REHEARSAL = {
    "voxels": 10**9,
    "shape": [400, 1600, 1562],
    "method": "dog",
    "cores": 2,
    "memory_bytes": 2 * GIGABYTE,
    "steps": STEPS,
}
# Of a mouse's brain at the voxel size of the tile.
AS_FINE = tuple(round(um / size) for um, size in zip(EXTENT_UM, TILE.voxel_size, strict=True))


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
    before = measured(hold, 1000)
    held = np.ones(600_000_000, np.uint8)
    large, small = measured(hold, 300_000_000), measured(hold, 1000)
    assert large["sum"] == held[0]
    assert large["peak_memory"] - large["memory_before"] > 290_000_000
    # What this process holds does not count, only Python and libraries, torch's build among them.
    assert small["peak_memory"] == pytest.approx(before["peak_memory"], abs=100_000_000)


def test_at_the_rehearsals_voxel_size_times_are_shared_by_nodes_and_nothing_else():
    whole = extrapolate(STEPS, AS_FINE, "dog", 8 * GIGABYTE, target=np.prod(AS_FINE))
    assert whole["voxel_size"] == pytest.approx(TILE.voxel_size, rel=1e-3)
    assert whole["growth"] == pytest.approx({"finer": 1, "overlap": 1, "part": 1}, rel=1e-3)
    assert (whole["candidates"], whole["cuboid_passes"]) == (5000, 1)
    assert whole["cuboid_bytes"] == pytest.approx(2 * 10**8)
    seconds = {node: {k: 3600 * v for k, v in h.items()} for node, h in whole["hours"].items()}
    assert seconds["1"] == pytest.approx(
        {"detect": 100, "cuboids": 40, "classify": 60, "project": 10}, rel=1e-3
    )
    # Gathering and projections are one job for a brain.
    assert seconds["100"] == pytest.approx(
        {"detect": 4.96, "cuboids": 0.4, "classify": 0.6, "project": 10}, rel=1e-3
    )
    # 20 MB/s, 100 MB/s and 400 MB/s of a storage that gives 1 GB/s.
    assert whole["nodes_until_storage"] == pytest.approx(
        {"detect": 50, "cuboids": 10, "project": 2.5}, rel=1e-3
    )
    time, alone, storage, memory, cuboids = whole["binds_first"]
    assert "detect: 48%" in time
    assert "projections, with 0.00 h" in alone
    assert "projections would read" in storage
    assert "1 pass through" in cuboids
    assert whole["detect_bytes"] > 4 * 12 * whole["plane_bytes"] / 2
    assert f"{whole['detect_bytes'] / 1e9:.1f} GB" in memory


def test_a_brain_of_more_voxels_is_no_larger_but_finer():
    """8 times as many voxels as at the rehearsal's size: half as wide along each axis."""
    voxels = 8 * np.prod(AS_FINE)
    whole = extrapolate(STEPS, AS_FINE, "dog", 8 * GIGABYTE, target=voxels)
    extent = np.array(brain_shape(voxels)) * whole["voxel_size"]
    np.testing.assert_allclose(extent, EXTENT_UM, rtol=1e-3)
    assert whole["voxel_size"] == pytest.approx([2.5, 1, 1], rel=1e-3)
    assert whole["halo_planes"] == pytest.approx(2 * 7, abs=2)
    assert whole["growth"]["finer"] == pytest.approx(2, rel=1e-3)
    assert whole["growth"]["overlap"] > 1.2
    assert whole["growth"]["part"] == pytest.approx(8, rel=0.1)
    # Of 100 s generating takes 10 and gathering 4; filters are slower for each voxel.
    slower = 2 * whole["growth"]["overlap"]
    assert whole["hours"]["1"]["detect"] == pytest.approx(8 * (14 + 86 * slower) / 3600, rel=0.01)
    # Of 40 s generating both channels takes 20.
    cutting = 20 * whole["growth"]["part"]
    assert whole["cuboid_passes"] == 1
    assert whole["hours"]["1"]["cuboids"] == pytest.approx(8 * (20 + cutting) / 3600, rel=0.01)
    assert whole["hours"]["1"]["classify"] == pytest.approx(8 * 60 / 3600, rel=0.01)


def test_of_cellfinder_the_contrast_and_the_voxels_of_somata_grow():
    voxels = 8 * np.prod(AS_FINE)
    whole = extrapolate(STEPS, AS_FINE, "cellfinder", 8 * GIGABYTE, target=voxels)
    # 30 s for contrast, of which generating takes 10; 4 s for gathering.
    slower = 2 * whole["growth"]["overlap"]
    expected = 8 * (100 - 4 - 20 + 4 * 8 + 20 * slower) / 3600
    assert whole["hours"]["1"]["detect"] == pytest.approx(expected, rel=0.01)


def test_cuboids_in_little_memory_go_through_the_planes_again_or_are_refused():
    many = STEPS | {"cuboids": STEPS["cuboids"] | {"candidates": 10**6}}
    shape = brain_shape(10**11.5)
    hours = {}
    for gigabytes in (2, 8):
        whole = extrapolate(many, shape, "dog", gigabytes * GIGABYTE)
        hours[whole["cuboid_passes"]] = whole["hours"]["1"]["cuboids"]
    (more, longer), (fewer, shorter) = hours.items()
    assert more > fewer > 1
    assert (longer - shorter) * 3600 == pytest.approx((more - fewer) * 20, rel=0.01)
    whole = extrapolate(many, shape, "dog", GIGABYTE // 2)
    assert whole["cuboid_passes"] is None
    assert "do not fit into their 0.5 GB" in whole["binds_first"][-1]


@pytest.mark.parametrize("method", ["dog", "cellfinder"])
def test_a_stored_rehearsal_is_reported_anew(method, tmp_path, capsys):
    stored = tmp_path / "rehearsal.json"
    measured_once = REHEARSAL | {"method": method, "whole_brain": {"from": "another version"}}
    stored.write_text(json.dumps(measured_once))
    assert main([str(tmp_path), "--describe"]) == 0
    page = (tmp_path / "report.md").read_text()
    assert page in capsys.readouterr().out
    assert "voxels of 2.83 x 1.13 x 1.13 µm" in page
    found = json.loads(stored.read_text())
    assert found["steps"] == measured_once["steps"]
    assert found["whole_brain"]["halo_planes"] > 12


@pytest.mark.parametrize("content", [None, "{", "[]", '{"steps": {}}', '{"steps": 1, "shape": 2}'])
def test_a_report_without_a_rehearsal_is_refused(content, tmp_path, capsys):
    if content is not None:
        (tmp_path / "rehearsal.json").write_text(content)
    assert main([str(tmp_path), "--describe"]) == 2
    assert "rehearsal.json: no rehearsal can be read there" in capsys.readouterr().err


def test_the_page_says_what_was_measured():
    whole = extrapolate(STEPS, REHEARSAL["shape"], "dog", 2 * GIGABYTE)
    page = describe(REHEARSAL | {"whole_brain": whole})
    assert "| detect | 100.0 | 10,000,000 | 50 | 1.00 | 0.25 |" in page
    assert "| classify | 60.0 |  | 83 | 1.00 | 0.25 |" in page
    assert "untrained" in page


@pytest.mark.slow
@pytest.mark.parametrize("method", ["dog", "cellfinder"])
def test_a_small_rehearsal_leaves_its_report_alone(method, tmp_path):
    options = ["--voxels", "2e6", "--memory-gb", "0.2", "--method", method]
    assert main([str(tmp_path), *options, "--detection-memory-gb", "0.15"]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rehearsal.json", "report.md"]
    found = json.loads((tmp_path / "rehearsal.json").read_text())
    assert list(found["steps"]) == ["read", "detect", "cuboids", "classify", "project"]
    assert found["voxels"] == np.prod(found["shape"])
    assert f"({found['processor']}, {found['date']})" in (tmp_path / "report.md").read_text()
    assert found["steps"]["classify"]["candidates"] == found["steps"]["cuboids"]["candidates"] > 3
    taken = {n: of["peak_memory"] - of["memory_before"] for n, of in found["steps"].items()}
    assert taken["detect"] <= found["detection_bytes"] + BESIDE_DATA[method]
    assert taken["cuboids"] <= found["memory_bytes"]


@pytest.mark.slow
def test_detection_keeps_to_its_memory_or_says_that_it_cannot(tmp_path, capsys):
    options = ["--voxels", "2e6", "--detection-memory-gb", "0.01"]
    assert main([str(tmp_path), *options]) == 2
    assert "but may take 0.01 GB" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_rehearsal_that_is_too_small_is_refused(tmp_path, capsys):
    assert main([str(tmp_path / "new"), "--voxels", "10"]) == 2
    assert "no brain has 10 voxels" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()
