"""The step that searches for a detector, and those after it that use what it has chosen."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import yaml

from cellsift import detection
from cellsift.detection.parts import StoredParts
from cellsift.errors import InputError
from cellsift.io.json_files import read_json, write_json
from cellsift.io.tables import read_table, write_table
from cellsift.phantom import BrainSettings, make_brain, write_brain
from cellsift.results import Results
from cellsift.settings.brains import Brain
from cellsift.settings.choice import DetectionChoice
from cellsift.steps.brain import open_signal
from cellsift.steps.choose_contrast import choose_contrast
from cellsift.steps.contrast_slab import contrast_slab
from cellsift.steps.detect import detect
from cellsift.steps.detect_slab import detect_slab
from cellsift.steps.find_centres import find_centres
from cellsift.steps.tune_detection import tune_detection

SETTINGS = {
    "detection": {
        "method": "auto",
        "trials": 8,
        "soma_diameter": None,
        "keep": {"recall": 0.95, "candidates_per_cell": 4.0, "carry": True},
    },
    "matching": {"distance_um": None},
    "cuboid": {"shape": [12, 25, 25], "voxel_size": None},
    "intensity_range": None,
    "voxel_size_in_files": "check",
}


class Files:
    """Where the outcome goes."""

    def __init__(self, folder):
        results = Results(folder)
        self.choice, self.config = results.detection_choice, results.detection_config
        self.trials, self.outcome = results.detection_trials, results.detection_outcome
        self.journal = results.detection_journal


@pytest.fixture(scope="module")
def brains(tmp_path_factory):
    folder = tmp_path_factory.mktemp("brains")
    settings = BrainSettings(shape=(24, 120, 150), cells=50)
    for seed, name in enumerate("ab"):
        write_brain(make_brain(seed, settings), folder / name)
    return [
        Brain(
            name,
            str(folder / name / "signal"),
            (5.0, 2.0, 2.0),
            role="train",
            cells=str(folder / name / "cells.csv"),
            settings=SETTINGS,
        )
        for name in "ab"
    ]


@pytest.fixture(scope="module")
def tuned(brains, tmp_path_factory):
    files = Files(tmp_path_factory.mktemp("tuned"))
    tune_detection(brains, files, files.journal, seed=1)
    return files


def test_the_choice_finds_the_cells_with_few_candidates(tuned):
    choice = read_json(tuned.outcome)
    assert {found["group"] for found in choice["groups"]} == {"a", "b"}
    assert min(found["recall"] for found in choice["groups"]) >= 0.9
    assert max(found["candidates_per_cell"] for found in choice["groups"]) <= 4
    # The phantom's somata are drawn 14 µm wide.
    assert choice["soma_diameter"] == pytest.approx(14, rel=0.3)


@pytest.mark.parametrize("method", ["dog", "cellfinder"])
def test_a_chosen_detector_of_either_kind_goes_through_the_same_steps(brains, tmp_path, method):
    given = {"method": method, **detection.detector_defaults(method)}
    given |= {"n_sds_above_mean_thresh": 3.0} if method == "cellfinder" else {}
    brain = DetectionChoice(given, 10.0, (4.0, 2.0, 2.0)).applied_to(brains[0])
    files = Results(tmp_path).brain("a")
    marked = [files.slab("detect", slab) for slab in range(2)]
    for slab, path in enumerate(marked):
        detect_slab(brain, slab, 2, path)
    find_centres(brain, marked, files.centres)
    measured = [files.slab("contrast", slab) for slab in range(2)]
    for slab, path in enumerate(measured):
        contrast_slab(brain, files.centres, slab, 2, path, found=marked[slab])
    detect(brain, measured, files.detected)
    # A table has six decimals.
    whole = detection.detect(open_signal(brain), **brain.detector)
    pd.testing.assert_frame_equal(read_table(files.detected), whole, rtol=0, atol=1e-6)
    assert list(StoredParts(measured))


def test_a_given_soma_is_what_is_searched_around(brains, tmp_path):
    files = Files(tmp_path)
    given = {**SETTINGS, "detection": SETTINGS["detection"] | {"soma_diameter": 20.0, "trials": 4}}
    tune_detection([replace(b, settings=given) for b in brains], files, files.journal, seed=1)
    assert read_json(files.outcome)["soma_diameter"] == 20.0


def test_what_the_config_says_is_in_what_can_be_pasted(brains, tmp_path):
    files = Files(tmp_path)
    given = {**SETTINGS, "detection": SETTINGS["detection"] | {"trials": 4}}
    given["matching"] = {"distance_um": 6.0}
    given["cuboid"] = {"shape": [8, 17, 17], "voxel_size": [5.0, 3.0, 3.0]}
    tune_detection([replace(b, settings=given) for b in brains], files, files.journal, seed=1)
    pasted = yaml.safe_load(files.config.read_text())
    assert pasted["matching"] == given["matching"]
    assert pasted["cuboid"] == given["cuboid"]


def test_later_steps_depend_on_the_settings_alone(tuned):
    """What is told of them may change without making anything again."""
    assert set(read_json(tuned.choice)) == {"detection", "matching", "cuboid"}
    assert set(read_json(tuned.outcome)) > set(read_json(tuned.choice))


@pytest.mark.parametrize("soma", [None, 14.0])
def test_an_annotation_without_cells_is_refused(brains, tmp_path, soma):
    write_table(pd.DataFrame({"z": [], "y": [], "x": []}), tmp_path / "none.csv")
    given = {**SETTINGS, "detection": SETTINGS["detection"] | {"soma_diameter": soma}}
    empty = [replace(b, cells=str(tmp_path / "none.csv"), settings=given) for b in brains]
    files = Files(tmp_path / "out")
    with pytest.raises(InputError, match="the annotation of a, b has no cell"):
        tune_detection(empty, files, files.journal, seed=1)


def test_annotation_that_lies_beside_the_cells_is_refused_with_what_to_check(brains, tmp_path):
    rng = np.random.default_rng(0)
    places = pd.DataFrame(rng.uniform([2, 5, 5], [20, 110, 140], (60, 3)), columns=["z", "y", "x"])
    dark = [_without_cells(places, brain) for brain in brains]
    wrong = []
    for brain, table in zip(brains, dark, strict=True):
        write_table(table, tmp_path / f"{brain.name}.csv")
        wrong.append(replace(brain, cells=str(tmp_path / f"{brain.name}.csv")))
    files = Files(tmp_path / "out")
    with pytest.raises(InputError, match="no brighter than random places .* in the order z, y, x"):
        tune_detection(wrong, files, files.journal, seed=1)
    assert not files.choice.exists()


def _without_cells(places, brain):
    """Places in the middle of dark spots, the darkest voxels around."""
    voxels = open_signal(brain).data.compute()
    rows = []
    for z, y, x in places.to_numpy().astype(int):
        window = voxels[z, y - 4 : y + 5, x - 4 : x + 5]
        dy, dx = np.unravel_index(np.argmin(window), window.shape)
        rows.append((z, y - 4 + dy, x - 4 + dx))
    return pd.DataFrame(rows, columns=["z", "y", "x"])


def test_a_wish_that_cannot_be_reached_is_no_error_where_the_detector_was_searched(
    brains, tmp_path
):
    detected = []
    for brain in brains:
        cells = read_table(brain.cells)[["z", "y", "x"]].iloc[:20]
        write_table(cells.assign(contrast=0.5), tmp_path / f"{brain.name}.csv")
        detected.append(tmp_path / f"{brain.name}.csv")
        write_json({"signal": {"shape": [24, 120, 150]}}, tmp_path / f"{brain.name}.json")
    volumes = [tmp_path / f"{brain.name}.json" for brain in brains]
    matching = [replace(b, settings={"matching": {"distance_um": 10.0}}) for b in brains]
    keep, out = SETTINGS["detection"]["keep"], tmp_path / "threshold.json"
    strict = {key: value for key, value in keep.items() if key != "carry"}
    with pytest.raises(InputError, match="cannot be reached"):
        choose_contrast(matching, detected, volumes, strict, out, print)
    choose_contrast(matching, detected, volumes, keep, out, print)
    assert read_json(out)["threshold"] == 0.5
