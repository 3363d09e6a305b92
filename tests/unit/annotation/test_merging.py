"""Marks of several annotators become one list: who agrees counts, not who comes first."""

from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellsift.annotation.marks import Marks
from cellsift.annotation.merging import merge_marks, merge_points
from cellsift.labels.matching import match

VOXEL, DISTANCE = (5.0, 2.0, 2.0), 10.0
places = st.lists(
    st.tuples(*[st.integers(0, 30)] * 3).map(lambda p: [float(v) for v in p]), max_size=8
)


def table(*points) -> pd.DataFrame:
    return pd.DataFrame(np.reshape(points, (-1, 3)).astype(float), columns=list("zyx"))


def merged(*marks, agreed_by="all") -> dict[tuple, tuple]:
    found = merge_marks(marks, VOXEL, DISTANCE, agreed_by)
    return {
        tuple(row[list("zyx")]): (row["kind"], row["annotators"]) for _, row in found.iterrows()
    }


def groups_of(points, members) -> set[frozenset]:
    """The cells as sets of positions, each with its annotator's list."""
    return {
        frozenset(
            (tuple(points[column][index]), id(points[column]))
            for column, index in enumerate(row)
            if index >= 0
        )
        for row in members
    }


@given(places, places)
def test_two_annotators_are_matched_one_to_one_as_candidates_are(one, other):
    one, other = (np.reshape(points, (-1, 3)) for points in (one, other))
    members = merge_points([one, other], DISTANCE)
    pairs = match(one, other, (1.0, 1.0, 1.0), DISTANCE)
    both = members[(members >= 0).all(axis=1)]
    assert sorted(map(tuple, both)) == sorted(map(tuple, pairs))
    assert len(members) == len(one) + len(other) - len(pairs)


@given(places, places, places)
def test_every_point_is_of_one_cell_whose_points_are_near_and_of_different_people(a, b, c):
    points = [np.reshape(one, (-1, 3)) for one in (a, b, c)]
    members = merge_points(points, DISTANCE)
    for column, own in enumerate(points):
        used = members[:, column]
        assert sorted(used[used >= 0]) == list(range(len(own)))
    for row in members:
        of_cell = [points[column][index] for column, index in enumerate(row) if index >= 0]
        for one in of_cell:
            assert all(np.linalg.norm(one - other) <= DISTANCE + 1e-6 for other in of_cell)


def test_the_order_of_annotators_changes_nothing():
    rng = np.random.default_rng(3)
    cells = rng.uniform(0, 100, (40, 3))
    points = [cells[rng.random(40) < 0.8] + rng.normal(0, 3, 3) for _ in range(4)]
    points = [own + rng.normal(0, 2, own.shape) for own in points]
    first = groups_of(points, merge_points(points, DISTANCE))
    for order in permutations(points):
        assert groups_of(order, merge_points(order, DISTANCE)) == first


def test_a_chain_of_points_is_not_one_cell_where_its_ends_lie_apart():
    points = [np.array([[0.0, 0, x]]) for x in (0, 6, 13)]
    members = merge_points(points, DISTANCE)
    assert members.tolist() == [[0, 0, -1], [-1, -1, 0]]


def test_agreed_cells_are_the_mean_of_their_marks_and_others_are_disputed():
    anna = Marks("anna", table((1, 10, 10), (4, 30, 30)))
    ben = Marks("ben", table((1, 12, 10), (8, 5, 5)))
    assert merged(anna, ben) == {
        (1, 11, 10): ("cell", "anna ben"),
        (4, 30, 30): ("disputed", "anna"),
        (8, 5, 5): ("disputed", "ben"),
    }


def test_by_majority_two_of_three_are_enough():
    cell = table((1, 10, 10))
    marks = [Marks("a", cell), Marks("b", cell), Marks("c")]
    assert merged(*marks) == {(1, 10, 10): ("disputed", "a b")}
    assert merged(*marks, agreed_by="majority") == {(1, 10, 10): ("cell", "a b")}
    # Half of them is no majority.
    assert merged(*marks[1:], agreed_by="majority") == {(1, 10, 10): ("disputed", "b")}


def test_who_did_not_look_at_a_plane_has_no_say_there():
    anna = Marks("anna", table((1, 10, 10), (2, 10, 90)), planes={1: True, 2: True})
    ben = Marks("ben", planes={2: True})
    assert merged(anna, ben) == {
        (1, 10, 10): ("cell", "anna"),
        (2, 10, 90): ("disputed", "anna"),
    }


def test_where_only_some_cells_are_annotated_silence_contradicts_nobody():
    anna = Marks("anna", table((1, 10, 10), (4, 30, 30)), whole=False)
    ben = Marks("ben", table((8, 5, 5)), artefacts=table((4, 31, 30), (9, 9, 99)), whole=False)
    assert merged(anna, ben) == {
        (1, 10, 10): ("cell", "anna"),
        # Which the other calls an artefact.
        (4, 30, 30): ("disputed", "anna"),
        (8, 5, 5): ("cell", "ben"),
        (9, 9, 99): ("no_cell", "ben"),
    }


def test_one_who_is_unsure_makes_a_cell_disputed():
    anna, where = Marks("anna", table((1, 10, 10))), table((1, 10, 12))
    found = merged(anna, Marks("ben", unsure=where, whole=False))
    assert found == {(1, 10, 10): ("disputed", "anna"), (1, 10, 12): ("unsure", "ben")}


def test_a_list_of_artefacts_alone_takes_no_cell_away():
    anna = Marks("anna", table((1, 10, 10)), whole=False)
    others = Marks("", artefacts=table((1, 12, 10)), whole=False, finds_cells=False)
    assert merged(anna, others) == {
        (1, 10, 10): ("cell", "anna"),
        (1, 12, 10): ("no_cell", ""),
    }


@given(places)
def test_a_single_annotators_marks_stay_as_they_are(points):
    cells = table(*points)
    found = merge_marks([Marks("", cells)], VOXEL, DISTANCE)
    pd.testing.assert_frame_equal(found[list("zyx")], cells)
    assert set(found["kind"]) <= {"cell"}


@pytest.mark.parametrize("kind", ["cells", "artefacts"])
def test_nobody_has_marked_anything(kind):
    found = merge_marks([Marks("a"), Marks("b", **{kind: table()})], VOXEL, DISTANCE)
    assert found.empty
    assert list(found) == ["z", "y", "x", "kind", "annotators"]
