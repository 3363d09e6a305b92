"""Folds keep held-out cuboids apart from training cuboids."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cellsift.cuboids.resampling import data_size, data_starts
from cellsift.errors import InputError
from cellsift.labels.folds import EXTENT as EXTENT_COLUMNS
from cellsift.labels.folds import (
    assign_folds,
    candidates_in_um,
    cuboid_extent_um,
    held_out_rows,
    share_of_labels,
    training_rows,
)

EXTENT = (100.0, 50.0, 50.0)
AXES = ["z_um", "y_um", "x_um"]


def candidates(brains: dict[str, int], size=(1000.0, 2000.0, 4000.0), seed=0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    tables = []
    for name, count in brains.items():
        table = pd.DataFrame(rng.uniform(0, size, (count, 3)), columns=AXES)
        label = rng.choice(["cell", "no_cell", "ambiguous"], count, p=[0.4, 0.5, 0.1])
        tables.append(table.assign(brain=name, candidate=np.arange(count), label=label))
    return pd.concat(tables, ignore_index=True)


def overlap(first: pd.DataFrame, second: pd.DataFrame) -> np.ndarray:
    """Whether each cuboid of the first shares room with any of the second, by brute force."""
    near = np.abs(first[AXES].to_numpy()[:, None] - second[AXES].to_numpy()[None]) < EXTENT
    same = first["brain"].to_numpy()[:, None] == second["brain"].to_numpy()[None]
    return (near.all(axis=2) & same).any(axis=1)


def test_every_candidate_gets_a_fold_also_ambiguous_ones():
    table = assign_folds(candidates({"a": 300, "b": 200}), 3, EXTENT)
    assert set(table["fold"]) == {0, 1, 2}
    assert len(table) == 500
    assert not table["fold"].isna().any()


def test_with_enough_brains_no_brain_is_divided():
    table = assign_folds(candidates({name: 100 for name in "abcde"}), 3, EXTENT)
    assert (table.groupby("brain")["fold"].nunique() == 1).all()
    assert set(table["fold"]) == {0, 1, 2}


def test_brains_are_dealt_so_that_folds_hold_similar_numbers_of_cells():
    table = assign_folds(candidates({"a": 900, "b": 300, "c": 300, "d": 300}), 2, EXTENT)
    cells = table[table["label"] == "cell"].groupby("fold").size()
    assert cells.max() < 1.25 * cells.min()


def test_with_few_brains_every_brain_is_cut_across_its_longest_axis():
    table = assign_folds(candidates({"a": 400, "b": 400}), 4, EXTENT)
    for _, brain in table.groupby("brain"):
        spans = brain.groupby("fold")["x_um"].agg(["min", "max"])
        assert (spans["max"].iloc[:-1].to_numpy() <= spans["min"].iloc[1:].to_numpy()).all()
        assert brain[brain["label"] != "ambiguous"].groupby("fold").size().between(70, 110).all()


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    folds=st.integers(2, 4),
    counts=st.lists(st.integers(150, 300), min_size=1, max_size=3),
)
def test_no_training_cuboid_overlaps_a_held_out_one_and_none_is_left_out_in_vain(
    seed, folds, counts
):
    brains = {f"brain {i}": count for i, count in enumerate(counts)}
    table = assign_folds(candidates(brains, seed=seed), folds, EXTENT)
    for fold in range(folds):
        training, held_out = training_rows(table, fold), held_out_rows(table, fold)
        assert not overlap(training, held_out).any()
        usable = table[(table["fold"] != fold) & (table["label"] != "ambiguous")]
        dropped = usable.drop(training.index)
        assert overlap(dropped, held_out).all()
        assert set(training["label"]) == {"cell", "no_cell"}


def test_an_ambiguous_held_out_candidate_keeps_training_cuboids_away_too():
    table = candidates({"a": 2}).assign(
        z_um=0.0, y_um=0.0, x_um=[0.0, 40.0], label=["cell", "ambiguous"], fold=[0, 1]
    )
    table[EXTENT_COLUMNS] = EXTENT
    assert training_rows(table, 1).empty
    assert len(training_rows(table.assign(x_um=[0.0, 50.0]), 1)) == 1


def shared_voxels(table, fold, positions, size) -> int:
    """How many training cuboids share a voxel with a held-out one, as extraction cuts them."""
    starts = data_starts(positions, size)
    training, held_out = training_rows(table, fold), held_out_rows(table, fold)
    apart = np.abs(starts[training.index][:, None] - starts[held_out.index][None])
    return int((apart < size).all(axis=2).any(axis=1).sum())


@pytest.mark.parametrize(
    ("shape", "voxel_size", "data_voxel_size"),
    [
        ((20, 50, 50), (5.0, 1.0, 1.0), (6.0, 1.62, 1.62)),
        ((20, 50, 50), (5.0, 1.0, 1.0), (5.0, 2.0, 2.0)),
        ((12, 25, 25), (5.0, 2.0, 2.0), (5.0, 2.0, 2.0)),
        ((8, 34, 30), (5.0, 1.0, 1.0), (10.0, 4.0, 4.0)),
    ],
)
def test_blocks_share_no_voxel_of_the_volume_though_cuboids_are_cut_in_whole_ones(
    shape, voxel_size, data_voxel_size
):
    size = np.array(data_size(shape, voxel_size, data_voxel_size))
    extent = cuboid_extent_um(shape, voxel_size, [data_voxel_size])
    shared, shared_by_size_alone = 0, 0
    for seed in range(16):
        rng = np.random.default_rng(seed)
        # Half voxels are where rounding goes either way.
        positions = rng.integers(0, 2 * size * (2, 2, 9), (300, 3)) / 2
        labels = pd.DataFrame(positions, columns=["z", "y", "x"])
        labels["label"] = rng.choice(["cell", "no_cell"], 300)
        rows = candidates_in_um("a", labels, data_voxel_size)
        safe = assign_folds(rows, 2, extent)
        nominal = assign_folds(rows, 2, np.multiply(shape, voxel_size))
        for fold in range(2):
            shared += shared_voxels(safe, fold, positions, size)
            shared_by_size_alone += shared_voxels(nominal, fold, positions, size)
    assert shared == 0
    assert shared_by_size_alone > 0, "these candidates would not show it"


def test_the_coarsest_brain_decides_on_the_room_between_blocks():
    room = cuboid_extent_um((20, 50, 50), (5, 1, 1), [(6, 1.62, 1.62), (5, 2, 2)])
    assert room == (106.0, 52.0, 52.0)


def test_folds_do_not_depend_on_the_order_of_the_rows():
    rows = candidates({"a": 300, "b": 200, "c": 250})
    for folds in (3, 5):
        expected = assign_folds(rows, folds, EXTENT)["fold"]
        shuffled = assign_folds(rows.sample(frac=1, random_state=3), folds, EXTENT)["fold"]
        pd.testing.assert_series_equal(shuffled.sort_index(), expected)


def test_a_share_of_the_labels_is_drawn_from_each_brain_and_class():
    """And a smaller one is part of a larger one, so that budgets can be compared."""
    table = assign_folds(candidates({"a": 300, "b": 200, "c": 250}), 3, EXTENT)
    rows = training_rows(table, 0)
    assert share_of_labels(rows, 1.0, seed=1).equals(rows)
    tenth, quarter = (share_of_labels(rows, share, seed=1) for share in (0.1, 0.25))
    assert set(tenth.index) < set(quarter.index)
    assert quarter.index.is_monotonic_increasing
    for shared, share in ((tenth, 0.1), (quarter, 0.25)):
        counts, all_counts = (t.groupby(["brain", "label"]).size() for t in (shared, rows))
        assert (counts >= share * all_counts - 1e-9).all()
        assert (counts < share * all_counts + 1).all()
    assert set(tenth.index) != set(share_of_labels(rows, 0.1, seed=2).index)


@pytest.mark.parametrize(
    ("change", "arguments", "message"),
    [
        (lambda t: t.drop(columns="label"), {}, "lack the columns label"),
        (lambda t: t.assign(label="cell"), {}, "labelled no_cell"),
        (lambda t: t.assign(label="no_cell"), {}, "0 candidates labelled cell"),
        (lambda t: t.head(8), {}, "at least 5 of each"),
        (lambda t: t.head(0), {}, "at least 5 of each"),
        (lambda t: t.assign(z_um=np.nan), {}, "not finite"),
        (lambda t: t, {"folds": 1}, "at least 2"),
        (lambda t: t, {"folds": True}, "at least 2"),
        (lambda t: t, {"folds": 60}, "set fewer folds"),
        (lambda t: t, {"group_by": "animal"}, "choose one of auto, brain, block"),
        (lambda t: t, {"group_by": "brain", "folds": 3}, "need 3 annotated train brains"),
    ],
)
def test_candidates_that_cannot_be_divided_are_refused(change, arguments, message):
    table = change(candidates({"a": 200, "b": 200}))
    with pytest.raises(InputError, match=message):
        assign_folds(table, **{"folds": 2, "cuboid_extent_um": EXTENT} | arguments)


def test_cuboids_too_large_to_keep_blocks_apart_are_refused():
    with pytest.raises(InputError, match="smaller cuboids"):
        assign_folds(candidates({"a": 200}), 2, (5000.0, 5000.0, 5000.0))


def test_a_brain_without_cells_cannot_be_a_fold_of_its_own():
    table = candidates({"a": 200, "b": 200})
    table.loc[table["brain"] == "b", "label"] = "no_cell"
    with pytest.raises(InputError, match="group folds by block"):
        assign_folds(table, 2, EXTENT, group_by="brain")


def found(annotated: int, reached: int, labels: pd.Series, **more) -> dict:
    """The summary of a brain with these labels."""
    counts = {name: int((labels == name).sum()) for name in ("cell", "no_cell", "ambiguous")}
    told = {"annotated": annotated, "annotated_non_cells": None, "reached": reached}
    return told | counts | {"candidates": len(labels), "distance_um": 10.0} | more


def test_what_is_refused_for_a_poor_detection_says_so():
    table = candidates({"a": 24})
    table["label"] = ["cell"] * 8 + ["ambiguous"] * 16
    with pytest.raises(InputError) as refused:
        assign_folds(table, 2, EXTENT, found={"a": found(314, 8, table["label"])})
    message = str(refused.value)
    assert "brain a has only 24 candidates for 314 annotated cells" in message
    assert "so change detection" in message
    assert "labelled no_cell; at least 5 of each are needed" in message


def test_cuboids_too_large_are_not_blamed_on_detection():
    table = candidates({"a": 200})
    poor = {"a": found(1000, 80, table["label"])}
    with pytest.raises(InputError, match="smaller cuboids"):
        assign_folds(table, 2, (5000.0, 5000.0, 5000.0), found=poor)


def test_of_folds_by_brain_the_brain_that_lacks_labels_is_named():
    table = candidates({"a": 200, "b": 200})
    table.loc[table["brain"] == "b", "label"] = "no_cell"
    labels = dict(iter(table.groupby("brain")["label"]))
    both = {"a": found(80, 78, labels["a"]), "b": found(90, 0, labels["b"])}
    with pytest.raises(InputError, match="brain b has only 200 candidates for 90 annotated cells"):
        assign_folds(table, 2, EXTENT, group_by="brain", found=both)


def test_a_brain_without_a_candidate_is_named_where_folds_need_it():
    table = candidates({"a": 200})
    both = {"a": found(80, 78, table["label"]), "b": found(90, 0, pd.Series([], dtype=str))}
    with pytest.raises(InputError, match="proposes none in b; change detection"):
        assign_folds(table, 2, EXTENT, group_by="brain", found=both)


def test_what_was_found_changes_no_fold():
    table = candidates({"a": 200, "b": 200})
    told = {name: found(90, 5, rows) for name, rows in table.groupby("brain")["label"]}
    expected = assign_folds(table, 2, EXTENT)
    pd.testing.assert_frame_equal(assign_folds(table, 2, EXTENT, found=told), expected)
