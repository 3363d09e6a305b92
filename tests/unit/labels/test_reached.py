"""What is said of detection reads right whatever was found, and names what to change."""

import doctest

import pytest

from cellsift.labels import reached
from cellsift.labels.reached import (
    cause_of_few_labels,
    detection_in_words,
    doubts_of_detection,
    recall_text,
    recall_with_interval,
    who_has_a_candidate,
)


def summary(annotated, found, candidates, **more) -> dict:
    per_cell = candidates / annotated if annotated else None
    return {
        "annotated": annotated,
        "annotated_non_cells": None,
        "reached": found,
        "candidates": candidates,
        "candidates_per_cell": per_cell,
        "distance_um": 10.0,
        "cell": found,
        "no_cell": candidates - found,
        "ambiguous": 0,
        "warnings": [],
    } | more


def test_the_examples_hold():
    assert doctest.testmod(reached).failed == 0


@pytest.mark.parametrize(
    ("annotated", "found", "said"),
    [
        (443, 421, "421 of 443 annotated cells have a candidate"),
        (443, 443, "all 443 annotated cells have a candidate"),
        (443, 1, "1 of 443 annotated cells has a candidate"),
        (443, 0, "none of 443 annotated cells has a candidate"),
        (1, 1, "the only annotated cell has a candidate"),
        (1, 0, "the only annotated cell has no candidate"),
    ],
)
def test_all_none_and_one_read_right(annotated, found, said):
    assert who_has_a_candidate(found, annotated) == said


def test_recall_and_candidates_per_cell_are_one_line():
    assert detection_in_words(summary(443, 421, 1418)) == (
        "421 of 443 annotated cells have a candidate (recall of detection 0.95), "
        "3.2 candidates per cell"
    )


def test_a_recall_below_a_limit_does_not_read_as_the_limit():
    """899 of 1000 is warned about, and must not be told as 0.90."""
    assert recall_text(899, 1000) == "0.89"
    assert recall_text(999, 1000) == "0.99"
    assert recall_text(95, 100) == "0.95"
    assert recall_text(1, 443) == "below 0.01"
    assert recall_text(0, 443) == "0.00"
    assert recall_text(443, 443) == "1.00"
    assert recall_text(0, 0) == "–"


def test_an_interval_holds_the_recall_that_is_told_with_it():
    """Of a recall rounded down, the lower bound must not be rounded up above it."""
    assert recall_with_interval(989, 1000, 0.9861, 0.9912) == "0.98 [0.98, 1.00]"
    assert recall_with_interval(221, 224, 0.96, 1.0) == "0.98 [0.96, 1.00]"
    assert recall_with_interval(0, 0, float("nan"), float("nan")) == "–"


def test_of_a_brain_annotated_in_part_candidates_per_cell_are_not_told():
    said = detection_in_words(summary(40, 30, 900, candidates_per_cell=None))
    assert "30 of 40 annotated cells have a candidate (recall of detection 0.75)" in said
    assert "not annotated, nothing is known" in said
    assert "per cell" not in said


def test_without_candidates_or_cells_nothing_is_divided():
    assert "detection proposes none at all" in detection_in_words(summary(70, 0, 0))
    assert "recall of detection is unknown" in detection_in_words(summary(0, 0, 12))
    assert "no annotated cell, and no candidate" in detection_in_words(summary(0, 0, 0))


def test_a_recall_of_few_cells_is_told_with_its_interval():
    said = detection_in_words(summary(14, 12, 30), (0.601, 0.956))
    assert (
        "(recall of detection 0.85, of so few cells uncertain: 95% interval 0.60 to 0.96)" in said
    )


@pytest.mark.parametrize(("found", "warned"), [(899, True), (900, False), (1000, False)])
def test_who_misses_more_than_a_tenth_of_the_cells_is_warned(found, warned):
    assert bool(doubts_of_detection(summary(1000, found, 3000))) == warned


def test_the_warning_says_what_it_means_and_what_to_change():
    (doubt,) = doubts_of_detection(summary(314, 24, 24))
    assert "290 annotated cells have no candidate" in doubt
    assert "no network can find a cell without a candidate" in doubt
    assert "at most 0.07 of the cells" in doubt
    assert all(key in doubt for key in ("soma_diameter", "axial_blur", "method: auto"))
    (doubt,) = doubts_of_detection(summary(9, 8, 24))
    assert "1 annotated cell has no candidate" in doubt
    (doubt,) = doubts_of_detection(summary(9, 0, 24))
    assert "none of the cells can be found" in doubt


def test_detection_is_not_blamed_where_the_annotation_seems_to_lie_elsewhere():
    assert doubts_of_detection(summary(314, 24, 90, warnings=["in the order x, y, z"])) == []


def test_few_labels_are_for_detection_that_misses_the_cells():
    found = {
        "a": summary(157, 4, 12, no_cell=0, ambiguous=8),
        "b": summary(157, 4, 12, no_cell=0, ambiguous=8),
    }
    cause = cause_of_few_labels(found, 30)
    assert "only 24 candidates for 314 annotated cells (recall of detection 0.02)" in cause
    assert "so change detection" in cause
    assert cause_of_few_labels({"a": found["a"]}, 30).startswith("brain a has only 12 candidates")
    assert "has no candidate for" in cause_of_few_labels({"a": summary(157, 0, 0)}, 30)


def test_few_labels_are_for_a_matching_distance_that_leaves_all_others_ambiguous():
    found = {"a": summary(70, 70, 400, no_cell=3, ambiguous=327, distance_um=60.0)}
    cause = cause_of_few_labels(found, 30)
    assert "327 are left out as ambiguous and 3 labelled no_cell" in cause
    assert "within matching: distance_um (60 µm)" in cause
    assert cause.endswith("Set a smaller distance_um")
    assert "change detection" not in cause


def test_few_labels_are_for_an_annotation_of_few_cells_or_few_artefacts():
    assert "only 9 annotated cells: annotate more" in cause_of_few_labels(
        {"a": summary(9, 9, 300)}, 30
    )
    partial = {"a": summary(90, 90, 300, no_cell=4, ambiguous=206, annotated_non_cells=12)}
    cause = cause_of_few_labels(partial, 30)
    assert "12 annotated artefacts (non_cells)" in cause
    assert "distance_um" not in cause


def test_few_artefacts_are_for_detection_that_proposes_hardly_any():
    cause = cause_of_few_labels({"a": summary(90, 90, 95)}, 30)
    assert "95 candidates for 90 annotated cells" in cause
    assert "lower threshold" in cause


def test_no_cause_is_made_up_where_there_are_enough_labels():
    assert cause_of_few_labels({"a": summary(300, 100, 600)}, 30) is None
