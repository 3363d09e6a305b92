"""Where an arm fails: every cell and every false alarm is in the bin of its place."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from cellsift.evaluation.evaluated import AnnotatedBrain
from cellsift.evaluation.failures import (
    BORDER,
    BRIGHTNESS,
    COLUMNS,
    DENSITY,
    DEPTH,
    failures,
    surroundings_of,
)
from cellsift.evaluation.outcomes import end_to_end_outcomes

SIZE = (5.0, 2.0, 2.0)
AXES = ["z", "y", "x"]


def table(positions) -> pd.DataFrame:
    return pd.DataFrame(np.asarray(positions, float).reshape(-1, 3), columns=AXES)


def brain(candidates, cells, contrast=None, shape=(40, 100, 100), **changes) -> AnnotatedBrain:
    found = table(candidates)
    if contrast is not None:
        found["contrast"] = contrast
    labels = pd.Series(["cell"] * len(found), dtype=object)
    content = {"non_cells": None, "voxel_size": SIZE, "distance_um": 10.0, "shape": shape}
    return AnnotatedBrain("b", "test", found, labels, table(cells), **content | changes)


def failed(of: AnnotatedBrain, called, partial=False, resamples=100) -> pd.DataFrame:
    outcomes = end_to_end_outcomes(
        of.candidates[AXES].assign(is_cell=called), of.annotation, of.voxel_size, of.distance_um
    )
    return failures({"b": outcomes}, {"b": surroundings_of(of)}, partial, resamples=resamples)


def scattered(cells: int, artefacts: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Positions of cells and artefacts in 200 x 2000 x 2000 voxels."""
    random = np.random.default_rng(seed)
    extent = [200, 2000, 2000]
    return random.random((cells, 3)) * extent, random.random((artefacts, 3)) * extent


def test_places_are_told_in_micrometres():
    of = brain(
        [[2, 10, 10], [30, 50, 50]],
        [[2, 10, 11], [2, 10, 30], [30, 60, 60]],
        contrast=[0.5, 0.9],
        shape=(40, 100, 100),
    )
    found = surroundings_of(of)
    assert found.cells[DEPTH].tolist() == [10, 10, 150]
    # The second cell is 38 µm from the first; the third has none within 50 µm.
    assert found.cells[DENSITY].tolist() == [1, 1, 0]
    assert found.candidates[DENSITY].tolist() == [2, 1]
    assert found.candidates[BRIGHTNESS].tolist() == [0.5, 0.9]
    # A cell has the brightness of the candidate within 10 µm: the third's is 28 µm away.
    assert found.cells[BRIGHTNESS][0] == 0.5
    assert np.isnan(found.cells[BRIGHTNESS][1:]).all()
    # Middles of voxels: plane 2 is 12.5 µm deep, row 10 is 21 µm from its side.
    assert found.candidates[BORDER].tolist() == [12.5, 47.5]
    edge = surroundings_of(brain([[39, 0, 0]], [[39, 0, 0]], shape=(40, 100, 100)))
    assert edge.candidates[BORDER].tolist() == [1.0]


def test_without_contrast_or_shape_nothing_is_told_by_them():
    found = failed(brain([[2, 10, 10]], [[2, 10, 10]], shape=None), [True])
    assert set(found["by"]) == {DEPTH, DENSITY}


def test_every_cell_and_call_is_in_one_bin_of_each_kind():
    cells, artefacts = scattered(203, 150)
    of = brain(np.vstack([cells, artefacts]), cells, np.arange(353.0), shape=(200, 2000, 2000))
    called = np.random.default_rng(1).random(353) < 0.7
    found = failed(of, called)
    assert list(found.columns) == COLUMNS
    whole = found.groupby("by")[["cells", "called"]].sum()
    assert (whole["cells"] == 203).all()
    assert (whole["called"] == called.sum()).all()
    depth = found[found["by"] == DEPTH]
    assert len(depth) == 5
    assert depth["cells"].between(40, 41).all()
    assert (depth["end"].to_numpy()[:-1] < depth["start"].to_numpy()[1:]).all()
    for row in depth.itertuples():
        inside = (cells[:, 0] * 5 >= row.start) & (cells[:, 0] * 5 <= row.end)
        assert row.recall == pytest.approx(called[:203][inside].mean())
        alarms = (artefacts[called[203:], 0] * 5 >= row.start) & (
            artefacts[called[203:], 0] * 5 <= row.end
        )
        hits = called[:203][inside].sum()
        assert row.precision == pytest.approx(hits / (hits + alarms.sum()))


def test_an_arm_that_misses_deep_cells_and_calls_faint_artefacts_shows_it():
    cells, artefacts = scattered(300, 300, seed=2)
    contrast = np.concatenate([np.full(300, 2.0), np.linspace(0, 1, 300)])
    contrast[:300] += np.random.default_rng(0).random(300)
    of = brain(np.vstack([cells, artefacts]), cells, contrast, shape=(200, 2000, 2000))
    found = failed(of, np.append(cells[:, 0] < 120, np.ones(300, bool)))
    depth = found[found["by"] == DEPTH]
    assert depth["recall"].tolist()[:2] == [1, 1]
    assert depth["recall"].iloc[-1] == 0
    assert depth["recall_high"].iloc[-1] < depth["recall_low"].iloc[0]
    bright = found[found["by"] == BRIGHTNESS]
    assert bright["precision"].iloc[0] < 0.3
    assert bright["precision"].iloc[-1] == 1


def test_cells_that_no_candidate_reaches_have_a_row_of_their_own():
    cells, _ = scattered(60, 0, seed=3)
    found = failed(brain(cells[:40], cells, np.arange(40.0)), np.ones(40, bool))
    (row,) = found[found["start"].isna()].to_dict("records")
    assert (row["by"], row["cells"], row["recall"], row["called"]) == (BRIGHTNESS, 20, 0, 0)
    assert np.isnan(row["precision"])


def test_intervals_hold_the_value_and_are_no_surer_than_wilsons():
    cells, artefacts = scattered(300, 200, seed=4)
    of = brain(np.vstack([cells, artefacts]), cells, shape=(200, 2000, 2000))
    found = failed(of, np.random.default_rng(5).random(500) < 0.6)
    for row in found.itertuples():
        hits = round(row.recall * row.cells)
        wilson = binomtest(hits, row.cells).proportion_ci(method="wilson")
        assert row.recall_low <= wilson.low <= row.recall <= wilson.high <= row.recall_high
        wilson = binomtest(hits, row.called).proportion_ci(method="wilson")
        assert row.precision_low <= wilson.low <= row.precision
        assert row.precision <= wilson.high <= row.precision_high


def test_cells_that_are_missed_together_make_recall_less_certain():
    """Blocks of ten cells each of which is missed or found as a whole."""
    random = np.random.default_rng(6)
    corner = np.stack(np.meshgrid([0], range(10), range(10), indexing="ij"), -1).reshape(-1, 3)
    cells = (corner[:, None] * [1, 100, 100] + random.random((100, 10, 3)) * [9, 40, 40]).reshape(
        -1, 3
    )
    missed = np.repeat(random.random(100) < 0.4, 10)
    together = failed(brain(cells, cells, shape=None), ~missed)
    alone = failed(brain(cells, cells, shape=None), ~random.permutation(missed))
    for of in (together, alone):
        of.insert(0, "width", of["recall_high"] - of["recall_low"])
    assert together["width"].mean() > 1.5 * alone["width"].mean()


def test_partial_annotation_has_no_precision():
    cells, artefacts = scattered(50, 50, seed=7)
    found = failed(brain(np.vstack([cells, artefacts]), cells), np.ones(100, bool), partial=True)
    assert found[["precision", "precision_low", "precision_high"]].isna().all(axis=None)
    assert found["recall"].notna().all()


def test_few_cells_are_one_bin_and_none_at_all_are_told_of_as_well():
    found = failed(brain([[1, 1, 1], [9, 9, 9]], [[1, 1, 1]]), [True, True])
    assert len(found[found["by"] == DEPTH]) == 1
    without = failed(brain([[1, 1, 1], [9, 9, 9]], [], [0.5, 0.6]), [True, False])
    assert set(without["cells"]) == {0}
    assert (without["precision"] == 0).all()
    assert without["recall"].isna().all()
    assert failed(brain([], []), []).empty
    assert list(failed(brain([], []), []).columns) == COLUMNS


def test_cells_alike_are_in_one_bin():
    cells = np.column_stack([np.repeat([3, 7], [70, 30]), np.arange(100) * 50, np.arange(100)])
    found = failed(brain(cells, cells, shape=None), np.ones(100, bool))
    depth = found[found["by"] == DEPTH]
    assert depth["cells"].tolist() == [70, 30]
    assert depth[["start", "end"]].to_numpy().tolist() == [[15, 15], [35, 35]]


def test_a_call_beyond_all_cells_is_in_the_bin_of_those_most_like_it():
    cells = np.column_stack([np.repeat([3, 7], [30, 70]), np.arange(100) * 50, np.arange(100)])
    of = brain(np.vstack([cells, [[20, 0, 0]]]), cells, shape=None)
    depth = failed(of, np.ones(101, bool)).query("by == 'depth'")
    assert depth["cells"].tolist() == [30, 70]
    assert depth["called"].tolist() == [30, 71]
    assert depth["end"].tolist() == [15, 100]
