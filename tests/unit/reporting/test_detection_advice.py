"""What the page of detection tells to change."""

import numpy as np
import pandas as pd
import pytest

from cellsift.detection import detector_defaults
from cellsift.reporting.detection_advice import Misses, advice, is_good, misses_of
from cellsift.reporting.detection_views import KEYS, DetectionViews

CELLFINDER = {"method": "cellfinder", **detector_defaults("cellfinder")}
DOG = {"method": "dog", **detector_defaults("dog")}
CURVE = pd.DataFrame(
    {"contrast": [0.5, 0.2, 0.05], "candidates": [100, 400, 900], "recall": [0.5, 0.92, 0.95]}
)


def brain(reached: int = 50, per_cell: float | None = 2.0, **more) -> dict:
    known = {
        "brain": "a",
        "partial": False,
        "annotated": 100,
        "reached": reached,
        "missed": 100 - reached,
        "reached_by_all": reached,
        "recall": reached / 100,
        "candidates_per_cell": per_cell,
        "distance_um": 10.0,
    }
    return known | more


def said(row: dict, detection=CELLFINDER, misses=None, keep=None, curve=CURVE) -> str:
    return "\n".join(advice(row, detection, misses or Misses(row["missed"]), curve, keep))


def test_good_detection_is_left_alone():
    assert said(brain(95)) == (
        "95 of 100 annotated cells have a candidate (recall of detection 0.95), with 2.0 "
        "candidates for each cell: good."
    )
    assert is_good(brain(95))
    assert not is_good(brain(89))
    assert not is_good(brain(95, 4.1))
    assert is_good(brain(95, None, partial=True))


def test_faint_cells_ask_for_a_lower_threshold_of_the_method_in_use():
    faint = Misses(50, faint=40, bright=10)
    of_cellfinder, of_dog = said(brain(), misses=faint), said(brain(), DOG, faint)
    assert "40 of the missed cells are fainter" in of_cellfinder
    assert "lower n_sds_above_mean_thresh (now 10" in of_cellfinder
    assert "lower minimum_contrast (now 0.02)" in of_dog
    assert "axial_blur" not in of_dog
    assert "n_sds" not in of_dog


def test_bright_cells_that_are_missed_ask_for_another_size():
    text = said(brain(), DOG, Misses(50, faint=5, bright=45))
    assert "no threshold is at fault" in text
    assert "soma_diameter (now 8 µm)" in text
    assert "axial_blur (empty: it follows soma_diameter)" in text
    assert "minimum_contrast" not in text


def test_dark_tiles_are_spoken_of_only_where_they_are_dropped():
    assert "keep_dark_tiles: true" in said(brain())
    assert "keep_dark_tiles" not in said(brain(), CELLFINDER | {"keep_dark_tiles": True})


def test_touching_cells_and_candidates_beside_are_told_with_their_numbers():
    text = said(brain(), misses=Misses(50, shared=30, beside=15))
    assert "30 of the missed cells lie within 10 µm of a candidate" in text
    assert "soma_spread_factor" in text
    assert "15 of the missed cells have a candidate of their own between 10 and 20 µm" in text
    assert "n_sds_above_mean_thresh" not in text


def test_what_keep_dropped_is_not_blamed_on_detection():
    row = brain(60, reached_by_all=95)
    assert "35 of the missed cells had a candidate that keep dropped" in said(
        row, keep={"recall": 0.6}
    )
    assert "keep dropped" not in said(brain(60), keep={"recall": 0.6})


def test_too_many_candidates_are_cut_by_what_the_curve_allows():
    text = said(brain(95, 9.0))
    assert "keep: {recall: 0.95, candidates_per_cell: 4}" in text
    assert "recall of detection would be 0.92, so wish for a recall of 0.92 at most" in text
    assert "candidates_per_cell" not in said(brain(95, 3.9))


def test_nobody_is_told_to_wish_for_next_to_nothing():
    few = pd.DataFrame({"contrast": [0.5], "candidates": [300], "recall": [0.02]})
    text = said(brain(95, 9.0), curve=few)
    assert "recall of detection would be 0.02" in text
    assert "wish" not in text


def test_a_partial_annotation_says_what_cannot_be_known():
    text = said(brain(95, None, partial=True))
    assert "cannot be known" in text
    assert "may well be a cell" in text
    assert "None" not in text


@pytest.mark.parametrize("detection", [CELLFINDER, DOG, {"method": "new", "soma_diameter": 9.0}])
def test_any_method_gets_advice_that_ends_with_letting_it_be_chosen(detection):
    lines = advice(brain(), detection, Misses(50, bright=50), CURVE)
    assert "No network can find the 50 others" in lines[0]
    assert "soma_diameter" in lines[1]
    assert lines[-1].endswith("detection: {method: auto}.")
    assert advice(brain(), detection, Misses(50, bright=50), CURVE, chosen=True) == lines[:-1]


def test_a_brain_without_annotated_cells_gets_none():
    (only,) = advice(brain(recall=None), DOG, Misses(0), CURVE)
    assert "No cell is annotated" in only


def test_misses_are_told_apart_by_the_nearest_candidate_and_by_contrast():
    found = np.repeat([True, False], [20, 6])
    nothing = dict.fromkeys(KEYS, np.empty(0))
    views = DetectionViews(
        **nothing
        | {
            "found": found,
            # Of its neighbour's candidate; of one of its own; of a neighbour's further away.
            "nearest_um": np.concatenate([np.zeros(20), [4, 14, 14, 50, 50, np.inf]]),
            "free_um": np.concatenate([np.full(20, 99.0), [99, 14, 99, 99, 99, np.inf]]),
            "cell_contrast": np.concatenate([np.full(20, 1.0), [1, 1, 1, 0.1, 2, np.nan]]),
        }
    )
    assert misses_of(views, 10.0) == Misses(6, shared=1, beside=1, faint=1, bright=2)
