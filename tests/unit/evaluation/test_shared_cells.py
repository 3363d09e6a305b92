"""Candidates at the same cell count for one cell together."""

import numpy as np
import pytest

from cellsift.evaluation.counts.shared_cells import part_of_cell

SIZE = (5.0, 2.0, 2.0)
# Two that are 8 µm apart, one that is 12 µm beside the second, one far away.
PLACES = np.array([[10, 20, 20], [10, 20, 24], [10, 20, 30], [40, 90, 90]], float)


def parts(at_cell, rows=(0, 1, 2, 3), distance_um=10.0) -> list[float]:
    return part_of_cell(PLACES, np.array(at_cell), np.array(rows), SIZE, distance_um).tolist()


def test_candidates_within_the_matching_distance_share_a_cell_and_no_others():
    assert parts([True] * 4) == [0.5, 0.5, 1, 1]
    assert parts([True] * 4, distance_um=8) == [0.5, 0.5, 1, 1]
    assert parts([True] * 4, distance_um=7.9) == [1, 1, 1, 1]


def test_distances_are_in_micrometres():
    """Two planes are 10 µm apart here, and two voxels along y 4 µm."""
    stacked = PLACES[0] + np.array([[0, 0, 0], [2, 0, 0], [0, 2, 0]])
    found = part_of_cell(stacked, np.ones(3, bool), np.arange(3), SIZE, 9)
    assert found.tolist() == [0.5, 1, 0.5]


def test_beside_one_that_is_none_a_cell_is_a_whole_one():
    assert parts([True, False, True, True]) == [1, 0, 1, 1]


def test_those_that_nobody_labelled_have_a_part_too():
    assert parts([True] * 4, rows=[0, 3]) == [0.5, 1]


@pytest.mark.parametrize("number", [2, 3, 7])
def test_however_many_lie_at_a_cell_they_are_one_together(number):
    places = np.random.default_rng(1).uniform(0, 2, (number, 3))
    found = part_of_cell(places, np.ones(number, bool), np.arange(number), (1, 1, 1), 10)
    assert found.sum() == pytest.approx(1)


def test_where_there_is_nothing_there_is_no_part():
    nothing = np.empty((0, 3))
    assert not len(part_of_cell(nothing, np.empty(0, bool), np.empty(0, int), SIZE, 10))
    assert parts([False] * 4) == [0, 0, 0, 0]
