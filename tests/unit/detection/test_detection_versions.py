"""The cellfinder detector gives the same candidates with the cellfinder of newer Pythons."""

import json
import os
import re
import subprocess
import sys
import zipfile
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.slow

# Detects in a made-up volume of single and touching somata, and prints what it found.
DETECTION = """
import json
import dask.array as da
import numpy as np
import cellfinder
from scipy.ndimage import gaussian_filter
from cellsift.detection import detect
from cellsift.io.volumes import Volume

rng = np.random.default_rng(3)
somata = np.zeros((24, 100, 110))
centres = rng.integers([2, 20, 20], [22, 90, 100], (40, 3))
for z, y, x in np.concatenate([centres, centres[:15] + [0, 6, 2]]):
    somata[z, y, x] = rng.uniform(0.5, 1.5)
somata = gaussian_filter(somata, (0.8, 2.2, 2.2))
voxels = 300 + 2000 * somata / somata.max() + rng.normal(0, 15, somata.shape)
voxels[:, :34, :34] = rng.normal(100, 5, (24, 34, 34))
voxels = da.from_array(voxels.clip(0, 65535).astype(np.uint16))
found = {
    str(size): detect(
        Volume(voxels, size, "made up"),
        "cellfinder",
        n_sds_above_mean_thresh=1,
        soma_spread_factor=0.7,
        split_ball_z_size=5,
    ).to_numpy().tolist()
    for size in [(5.0, 2.0, 2.0), (5.0, 1.0, 1.0), (2.0, 2.0, 2.0)]
}
print(json.dumps([cellfinder.__file__, found]))
"""


def newer_pins(repository: Path) -> list[str]:
    """The pins of cellfinder and brainglobe-utils for Python 3.12."""
    text = (repository / "constraints.txt").read_text()
    pin = r"^((?:cellfinder|brainglobe-utils)==\S+?) *; *python_version *>= *[\"']3\.12[\"']"
    return re.findall(pin, text, flags=re.MULTILINE)


@pytest.fixture(scope="module")
def newer_cellfinder(repository, tmp_path_factory) -> Path:
    """A folder with cellfinder and brainglobe-utils alone, as pinned for Python 3.12."""
    wanted = newer_pins(repository)
    if not wanted:
        pytest.skip("constraints.txt has one cellfinder for all Pythons")
    if f"cellfinder=={version('cellfinder')}" in wanted:
        pytest.skip("the cellfinder of newer Pythons is the one that is installed")
    wheels, folder = (tmp_path_factory.mktemp(name) for name in ("wheels", "newer"))
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", wheels]
    command += ["--python-version", "3.12", "--only-binary=:all:", *wanted]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    if done.returncode:
        pytest.skip(f"no wheels of {', '.join(wanted)}: {done.stderr.strip().splitlines()[-1:]}")
    for wheel in wheels.glob("*.whl"):
        zipfile.ZipFile(wheel).extractall(folder)
    return folder


def detected(*first: Path) -> tuple[str, dict]:
    """Where cellfinder lies and what is found, with folders first among those of modules."""
    import cellsift

    scripts = Path(cellsift.__file__).parents[1]
    path = os.pathsep.join(map(str, [*first, scripts]))
    command = [sys.executable, "-c", DETECTION]
    environment = os.environ | {"PYTHONPATH": path}
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=300, env=environment, cwd=scripts
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.strip().splitlines()[-1])


def test_the_candidates_are_the_same_with_the_cellfinder_of_newer_pythons(newer_cellfinder):
    _, here = detected()
    place, there = detected(newer_cellfinder)
    assert Path(place).is_relative_to(newer_cellfinder)
    for size, candidates in here.items():
        assert len(candidates) > 25, size
        np.testing.assert_array_equal(there[size], candidates, err_msg=size)
