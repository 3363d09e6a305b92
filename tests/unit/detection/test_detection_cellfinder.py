"""The cellfinder detector against cellfinder's own detection, which needs seconds to start."""

import subprocess
import sys

import dask.array as da
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.optimize import linear_sum_assignment

from cellsift.detection import Resources, detect
from cellsift.detection.contrast import contrast_at
from cellsift.errors import InputError
from cellsift.io.volumes import Volume, open_volume

pytestmark = pytest.mark.slow

VOXEL_SIZE = (5.0, 2.0, 2.0)
SENSITIVE = {"n_sds_above_mean_thresh": 1.0}


def volume_of(voxels: np.ndarray) -> Volume:
    return Volume(da.from_array(voxels), VOXEL_SIZE, "made-up volume")


@pytest.fixture(scope="module")
def brain() -> Volume:
    """Somata, pairs that touch, and noise, around a dark first corner of the planes."""
    rng = np.random.default_rng(3)
    voxels = np.zeros((24, 120, 140))
    centres = rng.integers([2, 20, 20], [22, 110, 130], (60, 3))
    for z, y, x in np.concatenate([centres, centres[:15] + [0, 6, 2]]):
        voxels[z, y, x] = rng.uniform(0.5, 1.5)
    voxels = gaussian_filter(voxels, (0.8, 2.2, 2.2))
    voxels = 300 + 2000 * voxels / voxels.max() + rng.normal(0, 15, voxels.shape)
    voxels[:, :34, :34] = rng.normal(100, 5, (24, 34, 34))
    return volume_of(voxels.clip(0, 65535).astype(np.uint16))


def by_detect_main(volume: Volume, **parameters) -> np.ndarray:
    """Positions (n, 3) that cellfinder's own entry point finds, sorted by z, y, x."""
    from cellfinder.core.detect.detect import main

    cells = main(
        signal_array=volume.planes(0, volume.shape[0]),
        voxel_sizes=volume.voxel_size,
        n_free_cpus=0,
        torch_device="cpu",
        **{"batch_size": 4, **parameters},
    )
    positions = np.array([(cell.z, cell.y, cell.x) for cell in cells]).reshape(-1, 3)
    return positions[np.lexsort(positions.T[::-1])]


def assert_same_but_for_the_ball(found: np.ndarray, expected: np.ndarray) -> None:
    """As many positions (n, 3), each pair within what cellfinder puts them beside their place.

    That is up to a voxel for a ball of an even number of voxels, which has its middle between two,
    and for split cells before 1.11 the margin of the splitting, here another voxel.
    """
    assert len(found) == len(expected)
    steps = abs(found[:, np.newaxis] - expected).max(axis=-1)
    one, other = linear_sum_assignment(steps)
    assert steps[one, other].max() <= 2
    assert np.mean(steps[one, other] <= 1) > 0.8


def test_it_finds_what_cellfinders_own_entry_point_finds(brain, monkeypatch):
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    parameters = SENSITIVE | {"batch_size": 2, "ball_z_size": 10.0}
    table = detect(brain, "cellfinder", **parameters)
    expected = by_detect_main(brain, **parameters)
    assert len(expected) > 40
    assert_same_but_for_the_ball(table[["z", "y", "x"]].to_numpy(), expected)


def test_whole_cells_lie_where_cellfinder_finds_them_with_an_odd_ball(brain, monkeypatch):
    """To the voxel, where nothing is split."""
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    parameters = SENSITIVE | {"soma_spread_factor": 100.0}
    table = detect(brain, "cellfinder", **parameters)
    expected = by_detect_main(brain, **parameters)
    assert len(expected) > 30
    np.testing.assert_array_equal(table[["z", "y", "x"]].to_numpy(), expected)


def test_the_cortex_gives_the_candidates_of_cellfinders_own_entry_point(shared_data, monkeypatch):
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    volume = open_volume(shared_data / "cortex_two_channel" / "signal", VOXEL_SIZE)
    table = detect(volume, "cellfinder")
    np.testing.assert_array_equal(table[["z", "y", "x"]].to_numpy(), by_detect_main(volume))


def test_the_result_is_the_same_on_every_run_and_any_number_of_cores(brain, monkeypatch):
    first = detect(brain, "cellfinder", **SENSITIVE)
    monkeypatch.setattr("cellsift.detection.resources.available_cores", lambda most: most or 2)
    for threads in (1, 5):
        resources = Resources(threads=threads)
        assert detect(brain, "cellfinder", resources, **SENSITIVE).equals(first)


def test_up_to_the_most_candidates_nothing_changes_and_more_are_refused(brain):
    table = detect(brain, "cellfinder", **SENSITIVE)
    count = len(table)
    assert count > 40
    assert detect(brain, "cellfinder", **SENSITIVE, most_candidates=count).equals(table)
    with pytest.raises(
        InputError, match=rf"made-up volume: .* more than {count - 1} .* raise n_sd"
    ):
        detect(brain, "cellfinder", **SENSITIVE, most_candidates=count - 1)


def test_it_runs_within_a_slurm_job_without_accounting(brain, monkeypatch):
    expected = detect(brain, "cellfinder", **SENSITIVE)
    monkeypatch.setenv("SLURM_JOB_ID", "12345")
    assert detect(brain, "cellfinder", **SENSITIVE).equals(expected)


def test_it_runs_in_a_script_without_a_main_guard(tmp_path):
    """Scripts have none where users write ten lines, and in Snakemake's rules."""
    script = tmp_path / "ten_lines.py"
    script.write_text(
        "import dask.array as da, numpy as np\n"
        "from cellsift.detection import detect\n"
        "from cellsift.io.volumes import Volume\n"
        "voxels = np.random.default_rng(0).integers(90, 110, (12, 80, 80)).astype(np.uint16)\n"
        "voxels[4:8, 40:75, 40:75] = 2000\n"
        "volume = Volume(da.from_array(voxels), (5.0, 2.0, 2.0), 'made-up')\n"
        "print('run', len(detect(volume, 'cellfinder', n_sds_above_mean_thresh=1)))\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("run") == 1


def test_the_contrast_is_that_of_the_dog_detector_at_the_candidate(brain):
    table = detect(brain, "cellfinder", **SENSITIVE)
    assert list(table.columns) == ["z", "y", "x", "contrast"]
    expected = contrast_at(brain, table[["z", "y", "x"]].to_numpy(), 16.0)
    np.testing.assert_array_equal(table["contrast"], expected)
    assert table["contrast"].median() > 0.02


def test_an_even_volume_gives_an_empty_table_with_the_columns():
    table = detect(volume_of(np.full((8, 60, 60), 500, np.uint16)), "cellfinder")
    assert list(table.columns) == ["z", "y", "x", "contrast"]
    assert len(table) == 0
    assert (table.dtypes == np.float64).all()


def test_tissue_up_to_the_corner_is_searched_only_on_request(brain):
    """A corner as bright as the rest makes cellfinder drop most tiles."""
    voxels = brain.planes(0, 24).copy()
    voxels[:, :34, :34] = 1500
    volume = volume_of(voxels)
    assert len(detect(volume, "cellfinder", **SENSITIVE)) == 0
    found = detect(volume, "cellfinder", keep_dark_tiles=True, **SENSITIVE)
    dark_corner = detect(brain, "cellfinder", **SENSITIVE)
    assert len(found) >= 0.8 * len(dark_corner)


@pytest.mark.parametrize(
    ("shape", "parameters", "said"),
    [
        ((2, 60, 60), {}, "2 planes, but a ball_z_size of 15 µm needs 3"),
        ((8, 60, 10), {}, "planes of 60 x 10 voxels"),
        ((8, 60, 60), {"soma_diameter": 0.5}, "soma_diameter 0.5 µm is less than half a voxel"),
        ((8, 60, 60), {"ball_z_size": 2.0}, "ball_z_size 2 µm is less than half a plane"),
        ((8, 60, 60), {"split_ball_xy_size": 0.5}, "split_ball_xy_size"),
    ],
)
def test_what_cellfinder_answers_with_silence_is_refused(shape, parameters, said):
    with pytest.raises(InputError, match=said):
        detect(volume_of(np.full(shape, 500, np.uint16)), "cellfinder", **parameters)
