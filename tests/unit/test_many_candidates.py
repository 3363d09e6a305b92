"""A million candidates go through the steps that hold a whole brain's tables, in bounded memory."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from cellsift.evaluation.classification import classification_metrics
from cellsift.evaluation.matching import label_candidates
from cellsift.io.cells import read_points, write_cells_xml
from cellsift.io.passes import plan_passes
from cellsift.io.whole import read_table, write_table

pytestmark = pytest.mark.slow

COUNT = 10**6
# A whole brain of 12 x 10 x 7 mm in voxels of 5 x 2 x 2 µm, z, y, x.
EXTENT = (1400, 5000, 6000)
MOST_BYTES = 3 * 2**30


@pytest.fixture(scope="module")
def cells() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.uniform(0, 1, (COUNT, 3)) * EXTENT, columns=["z", "y", "x"])
    table = table.sort_values(["z", "y", "x"], ignore_index=True).round(2)
    p_cell = rng.random(COUNT).round(6)
    return table.assign(p_cell=p_cell, is_cell=p_cell >= 0.5)


def test_a_table_of_a_million_comes_back(cells, tmp_path):
    write_table(cells, tmp_path / "cells.csv")
    pd.testing.assert_frame_equal(read_table(tmp_path / "cells.csv"), cells)


def test_a_million_markers_come_back_in_bounded_memory(cells, tmp_path):
    path = tmp_path / "cells.xml"
    write_cells_xml(cells, path)
    read = (
        "import resource, sys\n"
        f"resource.setrlimit(resource.RLIMIT_DATA, ({MOST_BYTES}, {MOST_BYTES}))\n"
        "from cellsift.io.cells import read_points\n"
        "print(len(read_points(sys.argv[1], 'all')), len(read_points(sys.argv[1], 'cell')))\n"
    )
    done = subprocess.run([sys.executable, "-c", read, path], capture_output=True, text=True)
    assert done.stdout.split() == [str(COUNT), str(cells["is_cell"].sum())], done.stderr
    found = read_points(path, "cell")
    voxels = np.rint(cells.loc[cells["is_cell"], ["z", "y", "x"]].to_numpy())
    np.testing.assert_array_equal(found.to_numpy(), voxels)


def test_a_million_candidates_are_matched_and_measured(cells):
    annotated = cells.iloc[::10]
    labelled, summary = label_candidates(cells, annotated, None, (5.0, 2.0, 2.0), 10.0)
    assert summary["candidates"] == COUNT
    assert summary["reached"] == len(annotated)
    assert (labelled["label"].iloc[::10] == "cell").mean() > 0.99
    metrics = classification_metrics(labelled["label"], cells["p_cell"], 0.5, resamples=5)
    metrics = metrics.set_index("metric")["value"]
    assert metrics["recall"] == pytest.approx(0.5, abs=0.01)
    assert metrics["roc_auc"] == pytest.approx(0.5, abs=0.01)


def test_a_million_candidates_are_planned_so_that_few_wait(cells):
    starts = cells["z"].to_numpy().astype(int)
    passes = plan_passes(starts, depth=20, capacity=30_000)
    dealt = np.concatenate([group for groups in passes for group in groups])
    assert np.array_equal(np.sort(dealt), np.arange(COUNT))
    assert len(passes) == 1
