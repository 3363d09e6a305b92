"""The steps of a detector that measures contrast apart, and what people have marked."""

import numpy as np
import pandas as pd
import pytest
import tifffile

from cellsift import detection
from cellsift.io.tables import read_table, write_table
from cellsift.results import Results
from cellsift.settings.brains import Brain
from cellsift.steps.annotation import annotated_cells
from cellsift.steps.brain import open_channel, open_signal
from cellsift.steps.contrast_slab import contrast_slab
from cellsift.steps.detect import detect
from cellsift.steps.detect_slab import detect_slab
from cellsift.steps.find_centres import find_centres

SLABS = 3


@pytest.fixture(scope="module")
def brain(tmp_path_factory) -> Brain:
    """A brain of twelve bright balls, two of which are marked."""
    folder = tmp_path_factory.mktemp("brain")
    voxels = np.random.default_rng(0).poisson(100, (24, 90, 120)).astype(np.uint16)
    z, y, x = np.indices((5, 9, 9)) - np.array([2, 4, 4]).reshape(3, 1, 1, 1)
    ball = ((z / 2) ** 2 + (y / 4) ** 2 + (x / 4) ** 2 <= 1) * 900
    for at_z, at_y, at_x in np.ndindex(3, 2, 2):
        low = np.array([2 + 7 * at_z, 20 + 40 * at_y, 30 + 50 * at_x])
        around = tuple(slice(a, a + n) for a, n in zip(low, ball.shape, strict=True))
        voxels[around] += ball.astype(np.uint16)
    tifffile.imwrite(folder / "signal.tif", voxels, photometric="minisblack")
    write_table(pd.DataFrame({"z": [4, 11], "y": [24, 64], "x": [34, 84]}), folder / "cells.csv")
    return Brain(
        "balls",
        str(folder / "signal.tif"),
        (5.0, 2.0, 2.0),
        cells=str(folder / "cells.csv"),
        settings={
            "detection": {
                "method": "cellfinder",
                "keep": None,
                **detection.check_parameters("cellfinder", n_sds_above_mean_thresh=3.0),
            },
            "intensity_range": None,
            "voxel_size_in_files": "ignore",
        },
    )


def test_candidates_come_of_centres_and_their_contrast_slab_by_slab(brain, tmp_path):
    files = Results(tmp_path).brain(brain.name)
    marked = [files.slab("detect", slab) for slab in range(SLABS)]
    for slab, path in enumerate(marked):
        detect_slab(brain, slab, SLABS, path)
    find_centres(brain, marked, files.centres)
    measured = [files.slab("contrast", slab) for slab in range(SLABS)]
    for slab, path in enumerate(measured):
        contrast_slab(brain, files.centres, slab, SLABS, path)
    detect(brain, measured, files.detected)
    found = read_table(files.detected)
    assert len(found) == 12
    assert (found["contrast"] > 0.5).all()
    pd.testing.assert_frame_equal(found, detection.detect(open_signal(brain), **brain.detector))


def test_what_is_marked_is_read_and_what_is_not_is_none(brain):
    assert annotated_cells(brain)[["z", "y", "x"]].to_numpy().tolist() == [
        [4, 24, 34],
        [11, 64, 84],
    ]
    with pytest.raises(ValueError, match="brain bare is not annotated"):
        annotated_cells(Brain("bare", brain.signal, brain.voxel_size))


def test_channels_are_opened_as_the_brain_says(brain):
    assert open_channel(brain, "background") is None
    signal = open_channel(brain, "signal")
    assert (signal.shape, signal.voxel_size) == ((24, 90, 120), (5.0, 2.0, 2.0))
