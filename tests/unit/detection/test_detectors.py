"""A detector is one module: the contract is all that it takes, and all that others know of it."""

import ast
import sys
from pathlib import Path

import dask.array as da
import numpy as np
import pytest
import tifffile

import cellsift
from cellsift import detection
from cellsift.benchmarks.rehearsal import extrapolation, report
from cellsift.benchmarks.rehearsal.brain import brain_shape
from cellsift.detection import (
    Resources,
    check_parameters,
    create_detector,
    detect,
    detect_slab,
    detector_defaults,
    detector_module,
    detector_parameters,
    gather,
    list_detectors,
    measures_contrast_apart,
    registry,
)
from cellsift.detection.contract import Detector
from cellsift.detection.parts import StoredParts, write_parts
from cellsift.errors import InputError
from cellsift.io.volumes import Volume
from cellsift.preflight.brain import check_brain
from cellsift.project.reading import load_project
from cellsift.settings.brains import Brain

# What a newcomer writes: voxels brighter than all in the planes around them.
PEAKS = """
from cellsift.detection.contract import Detector
from cellsift.detection.registry import detector
from cellsift.settings.parameters import Parameter

@detector("peaks")
class Peaks(Detector):
    known_parameters = {
        "least": Parameter(50.0, "a peak is at least so bright, in grey values"),
        "reach": Parameter(2, "planes that a peak outshines", minimum=1, integer=True),
    }
    rehearsal_parameters = {"least": 200.0}
    rehearsal_contrast = 300.0

    def detect_slab(self, volume, first, last, resources):
        import numpy as np

        reach = self.parameters["reach"]
        for z in range(first, last):
            low = max(z - reach, 0)
            planes = volume.planes(low, min(z + reach + 1, volume.shape[0])).astype(float)
            here = planes[z - low].copy()
            planes[z - low] = -1
            voxels = np.argwhere((here > planes.max(axis=0)) & (here >= self.parameters["least"]))
            places = np.column_stack([np.full(len(voxels), z), voxels])
            yield {"voxels": places, "brightness": here[tuple(voxels.T)]}

    def gather(self, parts):
        import numpy as np
        import pandas as pd

        rows = [np.column_stack([part["voxels"], part["brightness"]]) for part in parts]
        table = pd.DataFrame(np.concatenate(rows), columns=["z", "y", "x", "contrast"])
        return table.astype(float).sort_values(["z", "y", "x"], ignore_index=True)

    def least_planes(self, voxel_size):
        return 2 * self.parameters["reach"] + 1, "reach"

    def doubts(self, volume, planes):
        return [f"{len(planes)} planes were looked at"]
"""
VOXEL_SIZE = (5.0, 2.0, 2.0)


@pytest.fixture
def peaks(tmp_path, monkeypatch):
    """The name of a detector that is one more file in the package."""
    folder = tmp_path / "one_file"
    folder.mkdir()
    (folder / "found_in_planes.py").write_text(PEAKS)
    monkeypatch.setattr(detection, "__path__", [*detection.__path__, str(folder)])
    registry._modules.cache_clear()
    yield "peaks"
    registry._modules.cache_clear()
    registry._detectors.pop("peaks", None)
    sys.modules.pop("cellsift.detection.found_in_planes", None)


@pytest.fixture
def voxels() -> np.ndarray:
    return np.random.default_rng(0).poisson(90, (13, 30, 40)).astype(np.uint16)


def test_a_new_detector_is_listed_and_its_parameters_are_checked(peaks):
    assert list_detectors() == ["cellfinder", "dog", "peaks"]
    assert detector_module(peaks) == "cellsift.detection.found_in_planes"
    assert "cellsift.detection.found_in_planes" not in sys.modules
    assert detector_parameters(peaks)["least"].startswith("a peak is")
    assert detector_defaults(peaks) == {"least": 50.0, "reach": 2}
    assert check_parameters(peaks, reach=3) == {"least": 50.0, "reach": 3}
    assert not measures_contrast_apart(peaks)
    with pytest.raises(InputError, match="detector 'peaks': parameter 'reach' is 0; .* at least 1"):
        check_parameters(peaks, reach=0)
    with pytest.raises(InputError, match="detector 'peaks' has no parameter 'range'; it knows"):
        check_parameters(peaks, range=3)


@pytest.mark.parametrize("slabs", [2, 5, 20])
def test_a_new_detector_runs_in_slabs_that_give_what_one_gives(peaks, voxels, slabs, tmp_path):
    volume = Volume(da.from_array(voxels), VOXEL_SIZE, "made-up volume")
    expected = detect(volume, peaks, reach=3)
    assert len(expected) > 100
    paths = [tmp_path / f"{slab}.npz" for slab in range(slabs)]
    for slab, path in enumerate(paths):
        resources = Resources(threads=1, memory_bytes=10**6)
        write_parts(detect_slab(volume, peaks, slab, slabs, resources, reach=3), path)
    assert gather(StoredParts(paths), peaks, reach=3).equals(expected)


def test_a_config_takes_a_new_detector_with_its_defaults(peaks, tmp_path):
    (tmp_path / "brains.tsv").write_text(
        "brain\trole\tsignal\tbackground\tvoxel_z\tvoxel_y\tvoxel_x\tcells\tnon_cells\n"
        "a\ttrain\ta\t\t5\t2\t2\ta.csv\t\n"
    )
    config = {"arms": ["resnet"], "brains_table": "brains.tsv"}
    project = load_project(config | {"detection": {"method": peaks, "reach": 4}}, tmp_path)
    assert project.brains["a"].detector == {"method": peaks, "least": 50.0, "reach": 4}
    with pytest.raises(InputError) as refusal:
        load_project(config | {"detection": {"method": "stardist"}}, tmp_path)
    assert str(refusal.value) == (
        "config: detection.method: 'stardist' found; give one of cellfinder, dog, peaks, auto "
        "(The detector.)"
    )
    for nothing in (None, ["dog"], {"dog": 1}):
        with pytest.raises(InputError, match="give one of cellfinder, dog, peaks"):
            load_project(config | {"detection": {"method": nothing}}, tmp_path)


def test_preflight_asks_a_new_detector_for_its_planes_and_doubts(peaks, voxels, tmp_path):
    def checked(planes):
        tifffile.imwrite(tmp_path / "signal.tif", voxels[:planes], photometric="minisblack")
        settings = {"detection": {"method": peaks, "reach": 3, "keep": None}}
        path = str(tmp_path / "signal.tif")
        return check_brain(
            Brain("b1", signal=path, voxel_size=VOXEL_SIZE, role="predict", settings=settings)
        )

    assert any("planes were looked at" in warning for warning in checked(7)["warnings"])
    with pytest.raises(InputError, match="with peaks needs 7 planes of 5 µm.* a smaller reach"):
        checked(6)


def test_a_rehearsal_takes_a_new_detector(peaks):
    steps = {
        "read": {"seconds": 10.0, "bytes_read": 10**9},
        "detect": {"seconds": 100.0, "gathering_seconds": 4.0, "contrast_apart_seconds": 0.0},
        "cuboids": {"seconds": 40.0, "bytes_read": 10**9, "bytes_written": 1, "candidates": 9},
        "classify": {"seconds": 60.0},
        "project": {"seconds": 10.0, "bytes_read": 10**9},
    }
    whole = extrapolation.extrapolate(steps, brain_shape(1e9), peaks, 8 * 10**9)
    assert whole["halo_planes"] == 0
    assert whole["growth"]["overlap"] == 1
    assert "own filters" not in report._scaled(peaks, whole["growth"])


@pytest.mark.parametrize("method", list_detectors())
def test_every_detector_is_made_from_the_contract(method):
    made = create_detector(method)
    assert isinstance(made, Detector)
    assert made.name == method
    assert made.parameters == detector_defaults(method)
    rehearsed = type(made)(**made.rehearsal_parameters)
    volume = Volume(da.zeros((9, 90, 90), dtype=np.uint16), VOXEL_SIZE, "made-up volume")
    for size in (*rehearsed.halo(VOXEL_SIZE), rehearsed.memory_for(volume)):
        assert isinstance(size, int)


@pytest.mark.parametrize("step", ["find_centres", "contrast_slab"])
def test_a_step_that_a_detector_does_not_take_is_refused(step):
    arguments = {"find_centres": [None, []], "contrast_slab": [None, None, 0, 1, None]}
    with pytest.raises(NotImplementedError, match="'dog'"):
        getattr(create_detector("dog"), step)(*arguments[step])


PACKAGE = Path(cellsift.__file__).parent


@pytest.mark.parametrize(
    "place", ["detection/__init__.py", "detection/registry.py", "preflight", "benchmarks/rehearsal"]
)
def test_no_detector_is_known_by_name_outside_its_module(place):
    """But for the default of a command."""
    path = PACKAGE / place
    for module in [path] if path.is_file() else path.rglob("*.py"):
        for node in ast.walk(ast.parse(module.read_text())):
            is_default = isinstance(node, ast.keyword) and node.arg == "default"
            named = [
                child
                for child in ast.iter_child_nodes(node)
                if isinstance(child, ast.Constant) and child.value in list_detectors()
            ]
            assert is_default or not named, f"{module}: {named[0].value}, line {named[0].lineno}"
            imported = getattr(node, "module", None) if isinstance(node, ast.ImportFrom) else None
            assert imported not in {detector_module(name) for name in list_detectors()}, module


def test_no_setting_of_a_process_is_hidden_in_a_module():
    """What a job may use is an argument; a module holds no state that a call changes."""
    for module in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(module.read_text())):
            assert not isinstance(node, ast.Global), f"{module}, line {node.lineno}"
            if isinstance(node, ast.ImportFrom | ast.Import):
                names = [getattr(node, "module", None), *(alias.name for alias in node.names)]
                assert not any(str(name).startswith("unittest") for name in names), module
