"""Recall against candidates for each cell, and the threshold for brains to come."""

import numpy as np
import pytest

from cellsift.evaluation.detection_threshold import carrying_threshold
from cellsift.evaluation.recall_curve import Piece, RecallCurve

SIZE = (5.0, 2.0, 2.0)


def piece(cells, others=(), unreached=0, **masks):
    """Candidates of these contrasts on annotated cells, and far from any."""
    count = len(cells) + len(others)
    at = np.column_stack([np.zeros(count), 50.0 * np.arange(count), np.zeros(count)])
    lost = np.column_stack(
        [np.full(unreached, 100.0), 50.0 * np.arange(unreached), np.zeros(unreached)]
    )
    contrasts = np.array([*cells, *others], float)
    return Piece(at, contrasts, np.concatenate([at[: len(cells)], lost]), **masks)


def curve(*pieces, partial=False):
    return RecallCurve(pieces, SIZE, 10.0, partial)


def test_pieces_of_a_brain_count_together():
    found = curve(piece([0.9, 0.3], [0.5]), piece([0.8, 0.7], unreached=1)).at(0.5)
    assert found["annotated"] == 5
    assert found["reached"] == 3
    assert found["candidates_per_cell"] == pytest.approx(4 / 5)


def test_what_lies_at_the_border_of_a_piece_is_matched_but_not_counted():
    counted = np.array([True, False, True])
    part = piece([0.9, 0.8], [0.7], counted=counted, counted_annotated=np.array([True, False]))
    found = curve(part).at(0.0)
    assert (found["annotated"], found["reached"], found["candidates"]) == (1, 1, 2)


def test_thresholds_end_the_span_of_recall_and_of_candidates():
    brain = curve(piece([0.9, 0.8, 0.6, 0.2], [0.7, 0.5, 0.4, 0.3, 0.1]))
    assert brain.highest_threshold(0.75) == 0.6
    assert brain.lowest_threshold(1.5) == 0.4
    assert brain.highest_threshold(1.0) == 0.2
    assert curve(piece([0.9], unreached=1)).highest_threshold(1.0) is None


def test_the_threshold_for_other_brains_lies_within_what_all_have_in_common():
    one = curve(piece([0.9, 0.8, 0.4, 0.4], [0.3, 0.2, 0.1]))
    other = curve(piece([0.9, 0.9, 0.5, 0.3], [0.2, 0.2, 0.05]))
    threshold = carrying_threshold([one, other], recall=0.75, candidates_per_cell=1.25)
    # Reached from 0.4 downwards in both, within the allowed number from 0.3 upwards in both.
    assert threshold == pytest.approx(0.3**0.4 * 0.4**0.6)


def test_recall_comes_before_the_number_of_candidates():
    noisy = curve(piece([0.9, 0.2], [0.5] * 20))
    assert carrying_threshold([noisy], recall=1.0, candidates_per_cell=2.0) == 0.2


def test_a_recall_that_cannot_be_reached_is_reached_as_nearly_as_can_be():
    poor = curve(piece([0.9] * 6 + [0.5] * 3, [0.3] * 60, unreached=1))
    threshold = carrying_threshold([poor], recall=0.99, candidates_per_cell=4.0)
    assert poor.at(threshold)["reached"] == 9


def test_a_brain_without_candidates_has_no_say():
    empty = curve(piece([], unreached=3))
    good = curve(piece([0.9, 0.8]))
    together = carrying_threshold([empty, good], 0.5, 4.0)
    assert together == carrying_threshold([good], 0.5, 4.0)
    assert carrying_threshold([empty], 0.5, 4.0) == 0.0


def test_a_partly_annotated_brain_says_nothing_about_candidates_for_each_cell():
    partial = curve(piece([0.9, 0.8], [0.7] * 30), partial=True)
    # Somewhat lower than what reaches the recall here.
    assert 0.6 < carrying_threshold([partial], 1.0, 4.0) < 0.8
    assert partial.at(0.5)["candidates_per_cell"] is None
