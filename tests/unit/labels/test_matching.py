"""Matching is one to one, as large as possible, then as short; labels follow from it."""

from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cellsift.errors import InputError
from cellsift.labels import matching
from cellsift.labels.matching import label_candidates, match

VOXEL = (5.0, 2.0, 2.0)
points = st.lists(st.tuples(*[st.integers(0, 4)] * 3), max_size=5)


def _distances(candidates, annotated):
    difference = np.asarray(candidates, float).reshape(-1, 1, 3) - np.asarray(annotated, float)
    return np.linalg.norm(difference * VOXEL, axis=2)


def _best_by_trying_all(distances, limit):
    """Most pairs and their smallest total distance, by going through every assignment."""
    if distances.shape[0] > distances.shape[1]:
        distances = distances.T
    n, m = distances.shape
    best = (0, 0.0)
    for columns in permutations(range(m), n):
        chosen = distances[np.arange(n), list(columns)]
        chosen = chosen[chosen <= limit]
        best = max(best, (len(chosen), -chosen.sum()))
    return best[0], -best[1]


@pytest.mark.parametrize("dense", [True, False])
@settings(max_examples=150, deadline=None)
@given(candidates=points, annotated=points, limit=st.sampled_from([2.0, 5.0, 8.0]))
def test_match_is_the_best_of_all_assignments(dense, candidates, annotated, limit):
    with pytest.MonkeyPatch.context() as patch:
        if not dense:
            patch.setattr(matching, "LARGEST_DENSE_COMPONENT", 0)
        pairs = match(candidates, annotated, VOXEL, limit)
    assert len(set(pairs[:, 0])) == len(set(pairs[:, 1])) == len(pairs)
    if not candidates or not annotated:
        assert len(pairs) == 0
        return
    distances = _distances(candidates, np.reshape(annotated, (-1, 3)))
    chosen = distances[pairs[:, 0], pairs[:, 1]]
    assert (chosen <= limit).all()
    size, total = _best_by_trying_all(distances, limit)
    assert len(pairs) == size
    assert chosen.sum() == pytest.approx(total)


def test_more_matches_win_over_shorter_ones():
    # the middle candidate is nearest to the first cell, yet the only one near the second
    candidates = np.array([[0, 0, 0], [0, 0, 4]])
    annotated = np.array([[0, 0, 3], [0, 0, 8]])
    assert match(candidates, annotated, (1, 1, 1), 4.5).tolist() == [[0, 0], [1, 1]]


def test_distance_is_in_microns_and_inclusive():
    annotated = [[10, 10, 10]]
    assert len(match([[12, 10, 10]], annotated, VOXEL, 10)) == 1
    assert len(match([[12, 10, 11]], annotated, VOXEL, 10)) == 0
    assert len(match([[10, 10, 10 + 10]], annotated, (5, 2, 0.1), 1.0)) == 1


def test_sparse_and_dense_solvers_agree_on_a_crowd(monkeypatch):
    random = np.random.default_rng(3)
    candidates, annotated = (random.uniform(0, 60, (n, 3)) / VOXEL for n in (400, 250))
    dense = match(candidates, annotated, VOXEL, 8)
    monkeypatch.setattr(matching, "LARGEST_DENSE_COMPONENT", 0)
    sparse = match(candidates, annotated, VOXEL, 8)
    total = [_distances(candidates, annotated)[tuple(p.T)].sum() for p in (dense, sparse)]
    assert len(dense) == len(sparse) > 200
    assert total[0] == pytest.approx(total[1])


@pytest.mark.parametrize("distance", [0, -1, np.nan, np.inf])
def test_unusable_distance_is_refused(distance):
    with pytest.raises(InputError, match="distance"):
        match([[0, 0, 0]], [[0, 0, 0]], VOXEL, distance)


def test_position_that_is_no_number_is_refused():
    with pytest.raises(InputError, match="finite"):
        match([[0, np.nan, 0]], [[0, 0, 0]], VOXEL, 5)


def _table(positions):
    return pd.DataFrame(np.reshape(positions, (-1, 3)), columns=["z", "y", "x"], dtype=float)


def test_complete_annotation_gives_three_labels():
    candidates = _table([[0, 0, 0], [0, 0, 3], [0, 0, 50]]).assign(contrast=[1.0, 2.0, 3.0])
    cells = _table([[0, 0, 1], [0, 80, 80]])
    labelled, summary = label_candidates(candidates, cells, None, (1, 1, 1), 4)
    assert labelled["label"].tolist() == ["cell", "ambiguous", "no_cell"]
    assert labelled["contrast"].tolist() == [1.0, 2.0, 3.0]
    assert summary["annotated"] == 2
    assert summary["reached"] == 1
    assert summary["recall"] == 0.5
    assert summary["missed"] == [1]
    assert (summary["cell"], summary["no_cell"], summary["ambiguous"]) == (1, 1, 1)


def test_partial_annotation_uses_only_what_was_annotated():
    candidates = _table([[0, 0, 0], [0, 0, 30], [0, 0, 60]])
    labelled, summary = label_candidates(
        candidates, _table([[0, 0, 1]]), _table([[0, 0, 31]]), (1, 1, 1), 4
    )
    assert labelled["label"].tolist() == ["cell", "no_cell", "ambiguous"]
    assert summary["recall"] == 1.0


def test_candidates_per_cell_are_counted_where_all_cells_are_annotated():
    candidates, cells = _table([[0, 0, 0], [0, 0, 30], [0, 0, 60]]), _table([[0, 0, 1], [0, 0, 90]])
    whole = label_candidates(candidates, cells, None, (1, 1, 1), 4)[1]
    assert whole["candidates_per_cell"] == 1.5
    partial = label_candidates(candidates, cells, _table([[0, 0, 31]]), (1, 1, 1), 4)[1]
    assert partial["candidates_per_cell"] is None
    assert label_candidates(candidates, cells[:0], None, (1, 1, 1), 4)[1]["recall"] is None


def test_a_distance_too_large_and_cells_without_a_candidate_are_warned_of():
    cells = _table([[0, 0, 10 * x] for x in range(20)])
    wide = label_candidates(cells[:18], cells, None, (1, 1, 1), 12)[1]
    (warning,) = wide["detection_warnings"]
    assert "The matching distance, 12 µm" in warning
    few = label_candidates(cells[:17], cells, None, (1, 1, 1), 4)[1]
    (warning,) = few["detection_warnings"]
    assert "3 annotated cells have no candidate" in warning
    assert label_candidates(cells[:18], cells, None, (1, 1, 1), 4)[1]["detection_warnings"] == []


def test_candidate_on_a_non_cell_is_not_taken_for_the_cell_beside_it():
    candidates = _table([[0, 0, 8]])
    labelled, summary = label_candidates(
        candidates, _table([[0, 0, 0]]), _table([[0, 0, 8]]), (1, 1, 1), 10
    )
    assert labelled["label"].tolist() == ["no_cell"]
    assert summary["recall"] == 0.0


def test_candidate_matched_past_a_nearer_annotation_of_the_other_kind_is_ambiguous():
    # to match both annotations the first candidate must go to the farther one
    candidates = _table([[0, 0, 1], [0, 8, 0]])
    cells, non_cells = _table([[0, 0, 0]]), _table([[0, 0, 9]])
    labelled, _ = label_candidates(candidates, cells, non_cells, (1, 1, 1), 8.5)
    assert labelled["label"].tolist() == ["ambiguous", "cell"]


@pytest.mark.parametrize("non_cells", [None, []])
def test_without_candidates_or_cells(non_cells):
    non_cells = None if non_cells is None else _table(non_cells)
    labelled, summary = label_candidates(_table([]), _table([[0, 0, 0]]), non_cells, VOXEL, 5)
    assert labelled.shape == (0, 4)
    assert summary["recall"] == 0.0
    labelled, summary = label_candidates(_table([[0, 0, 0]]), _table([]), non_cells, VOXEL, 5)
    assert summary["recall"] is None
    assert labelled["label"].tolist() == ["no_cell" if non_cells is None else "ambiguous"]


def test_an_annotation_that_fits_in_another_order_is_told_beside_the_labels():
    cells = _table(np.random.default_rng(1).uniform(0, 90, (60, 3)))
    candidates = cells.iloc[:45]
    _, summary = label_candidates(candidates, cells, None, VOXEL, 8)
    assert summary["warnings"] == []
    swapped = cells[["x", "y", "z"]].set_axis(["z", "y", "x"], axis=1)
    _, summary = label_candidates(candidates, swapped, None, VOXEL, 8)
    (warning,) = summary["warnings"]
    assert "45 would have one if their positions were in the order x, y, z" in warning


@pytest.mark.slow
def test_a_hundred_thousand_crowded_candidates_are_matched():
    random = np.random.default_rng(0)
    box = np.array([300, 700, 700])
    candidates, annotated = (random.uniform(0, 1, (n, 3)) * box / VOXEL for n in (100_000, 25_000))
    pairs = match(candidates, annotated, VOXEL, 10)
    assert len(pairs) > 20_000
    assert len(np.unique(pairs[:, 0])) == len(np.unique(pairs[:, 1])) == len(pairs)


def labelled(candidates, cells, non_cells=None, **where):
    """The labels of candidates; all tables are lists of z, y, x."""
    tables = [
        None if given is None else pd.DataFrame(given, columns=list("zyx")).astype(float)
        for given in (candidates, cells, non_cells, where.get("in_doubt", []))
    ]
    found, summary = label_candidates(
        *tables[:3], VOXEL, 10, in_doubt=tables[3], complete=where.get("complete")
    )
    return found["label"].tolist(), summary


def test_a_candidate_nearer_to_what_is_in_doubt_than_to_its_cell_is_ambiguous():
    cell, doubt = (0, 0, 0), (0, 0, 4)
    labels, summary = labelled([(0, 0, 3)], [cell], in_doubt=[doubt])
    assert labels == ["ambiguous"]
    # Detection reached the cell all the same.
    assert summary["reached"] == 1
    assert labelled([(0, 0, 2)], [cell], in_doubt=[doubt])[0] == ["cell"]
    assert labelled([(0, 0, 9), (0, 0, 10)], [], in_doubt=[doubt])[0] == ["ambiguous", "no_cell"]


def test_silence_means_no_cell_only_where_all_cells_are_annotated():
    candidates = [(0, 0, 0), (0, 0, 50), (9, 0, 50), (9, 0, 90), (9, 90, 0)]
    complete = np.array([True, True, False, False, False])
    labels, summary = labelled(candidates, [(0, 0, 1)], complete=complete)
    assert labels == ["cell", "no_cell", "ambiguous", "ambiguous", "ambiguous"]
    assert summary["candidates_per_cell"] is None
    labels, _ = labelled(candidates, [(0, 0, 1)], [(9, 90, 0)], complete=complete)
    assert labels == ["cell", "no_cell", "ambiguous", "ambiguous", "no_cell"]
    # Beside what was marked it is not certain either.
    labels, _ = labelled(
        [(0, 0, 0), (0, 0, 3)], [(0, 0, 0)], [(9, 9, 9)], complete=np.ones(2, bool)
    )
    assert labels == ["cell", "ambiguous"]
