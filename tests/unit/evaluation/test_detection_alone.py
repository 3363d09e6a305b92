"""What detection does before any network is trained: figures, and what fewer candidates find."""

import numpy as np
import pandas as pd
import pytest

from cellsift.evaluation.detection_curve import detection_curve
from cellsift.evaluation.detection_summary import DetectedBrain, summarise_detection
from cellsift.evaluation.end_to_end import detection_metrics

SIZE = (5.0, 2.0, 2.0)


def points(count: int, seed: int = 0) -> pd.DataFrame:
    """Positions at least 25 µm apart, so that each candidate can find one cell alone."""
    grid = np.stack(np.meshgrid(*[np.arange(12)] * 3, indexing="ij"), -1).reshape(-1, 3)
    rows = np.random.default_rng(seed).permutation(len(grid))[:count]
    return pd.DataFrame(grid[rows] * (5.0, 13.0, 13.0), columns=list("zyx"))


def brain(cells: int = 100, missed: int = 20, artefacts: int = 200, **more) -> DetectedBrain:
    """Candidates at all cells but some, the fainter the later, and fainter ones elsewhere."""
    places = points(cells + artefacts)
    annotation = places[:cells]
    candidates = places[missed:].reset_index(drop=True)
    candidates["contrast"] = np.linspace(2, 0.1, len(candidates))
    return DetectedBrain("a", candidates, annotation, SIZE, 10.0, **more)


def test_a_brain_has_the_figures_that_the_report_will_have():
    one = brain()
    (row,) = summarise_detection([one], None, seed=1)["brains"]
    assert (row["annotated"], row["candidates"], row["missed"]) == (100, 280, 20)
    assert (row["recall"], row["candidates_per_cell"]) == (0.8, 2.8)
    report = detection_metrics(one.candidates, one.annotation, SIZE, 10.0, seed=1)
    said = report.set_index("metric").loc["recall", ["value", "low", "high"]]
    assert [row["recall"], row["low"], row["high"]] == said.tolist()
    assert row["low"] < 0.8 < row["high"]


def test_what_keep_drops_is_told_apart_from_what_detection_misses():
    found = summarise_detection([brain()], {"recall": 0.5}, seed=1)
    (row,) = found["brains"]
    assert found["refused"] is None
    assert row["candidates"] == 50
    assert (row["reached"], row["reached_by_all"], row["detected"]) == (50, 80, 280)


def test_a_wish_that_cannot_be_had_is_told_with_the_figures_of_all_candidates():
    found = summarise_detection([brain()], {"recall": 0.95}, seed=1)
    assert found["threshold"] is None
    assert "0.800 in brain a" in found["refused"]
    assert found["brains"][0]["candidates"] == 280


def test_what_a_partial_annotation_leaves_open_is_not_said():
    (row,) = summarise_detection([brain(partial=True)], None, seed=1)["brains"]
    assert row["candidates_per_cell"] is None
    assert row["recall"] == 0.8


@pytest.mark.parametrize(("cells", "artefacts"), [(0, 5), (5, 0), (0, 0)])
def test_brains_without_cells_or_candidates_have_no_numbers_that_are_none(cells, artefacts):
    (row,) = summarise_detection([brain(cells, cells, artefacts)], None, seed=1)["brains"]
    assert row["missed"] == row["annotated"] == cells
    assert row["recall"] == (0 if cells else None)
    # A JSON has no other numbers.
    assert all(not isinstance(value, float) or np.isfinite(value) for value in row.values())


def test_the_curve_ends_at_all_candidates_and_never_falls():
    one = brain()
    curve = detection_curve(one.candidates, one.annotation, SIZE, 10.0)
    last = curve.iloc[-1]
    assert (last["candidates"], last["recall"]) == (280, 0.8)
    assert (curve["recall"].diff().dropna() >= 0).all()
    assert (curve["contrast"].diff().dropna() < 0).all()
    row = curve[curve["candidates"] <= 40].iloc[-1]
    # The brightest candidates are all cells here.
    assert row["recall"] == row["candidates"] / 100


def test_a_point_of_the_curve_is_what_its_contrast_as_a_threshold_gives():
    one = brain()
    rough = one.candidates.assign(contrast=one.candidates["contrast"].round(1))
    curve = detection_curve(rough, one.annotation, SIZE, 10.0, points=15)
    for row in curve.itertuples():
        assert (rough["contrast"] >= row.contrast).sum() == row.candidates


@pytest.mark.parametrize("empty", ["candidates", "annotation"])
def test_there_is_no_curve_of_nothing(empty):
    one = brain()
    tables = {"candidates": one.candidates, "annotation": one.annotation}
    tables[empty] = tables[empty][:0]
    curve = detection_curve(tables["candidates"], tables["annotation"], SIZE, 10.0)
    assert list(curve) == ["contrast", "candidates", "recall"]
    assert curve.empty


def test_the_curve_counts_candidates_at_the_very_matching_distance():
    one = brain()
    aside = one.candidates.assign(y=one.candidates["y"] + 5.0)
    curve = detection_curve(aside, one.annotation, SIZE, 10.0)
    assert curve["recall"].iloc[-1] == 0.8
    assert detection_curve(aside, one.annotation, SIZE, 9.99)["recall"].iloc[-1] < 0.1
