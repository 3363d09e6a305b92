"""How far annotators agree is measured as arms are: F1 with an interval."""

import numpy as np
import pandas as pd
import pytest

from cellsift.annotation.agreement import agreement, agreement_table, mean_f1, pair_outcomes
from cellsift.annotation.marks import Marks
from cellsift.annotation.words import agreement_in_words
from cellsift.evaluation.end_to_end import end_to_end_metrics

VOXEL, DISTANCE = (5.0, 2.0, 2.0), 10.0


def cells_apart(count, seed=0) -> np.ndarray:
    """So many cells on a grid, far from each other."""
    grid = np.stack(np.meshgrid(*[np.arange(8) * 12.0] * 3, indexing="ij"), -1).reshape(-1, 3)
    return np.random.default_rng(seed).permutation(grid)[:count]


def marks(name, points, **changes) -> Marks:
    return Marks(name, pd.DataFrame(points, columns=list("zyx")), **changes)


def outcomes(*given):
    return pair_outcomes(given, VOXEL, DISTANCE)


def test_agreement_is_the_f1_that_one_would_have_beside_the_other_with_its_interval():
    cells = cells_apart(200)
    anna, ben = cells[:150], cells[30:]
    found = agreement({"b": outcomes(marks("anna", anna), marks("ben", ben))}, seed=3)
    as_arm = pd.DataFrame(anna, columns=list("zyx")).assign(is_cell=True)
    beside = end_to_end_metrics(
        as_arm, pd.DataFrame(ben, columns=list("zyx")), VOXEL, DISTANCE, seed=3
    )
    f1 = beside.set_index("metric").loc["f1"]
    assert found["f1"] == pytest.approx(240 / 320)
    assert [found["f1"], found["low"], found["high"]] == pytest.approx(
        list(f1[["value", "low", "high"]])
    )
    assert found["annotators"] == ["anna", "ben"]


def test_it_does_not_matter_who_comes_first():
    cells = cells_apart(80)
    anna, ben = marks("anna", cells[:60]), marks("ben", cells[20:])
    assert mean_f1(outcomes(anna, ben)) == mean_f1(outcomes(ben, anna)) == pytest.approx(2 / 3)


def test_of_three_it_is_the_mean_of_all_pairs():
    cells = cells_apart(40)
    found = outcomes(marks("a", cells), marks("b", cells), marks("c", cells[:10]))
    pair = 2 * 10 / 50
    assert mean_f1(found) == pytest.approx((1 + pair + pair) / 3)
    assert agreement({"": found})["pairs"] == 3


def test_only_planes_that_both_have_annotated_wholly_count():
    anna = marks("anna", [(0, 5, 5), (3, 5, 5), (6, 5, 5)], planes={0: True, 3: True, 6: True})
    ben = marks("ben", [(0, 5, 5), (6, 50, 50)], planes={0: True, 6: False})
    assert mean_f1(outcomes(anna, ben)) == 1
    # Two who have marked the same cell, among some, do not agree on all.
    both = [marks(name, [(3, 5, 5)], planes={3: False}) for name in ("anna", "ben")]
    assert outcomes(*both).empty


def test_perfect_agreement_of_few_cells_is_not_certain():
    cells = cells_apart(5)
    found = agreement({"": outcomes(marks("a", cells), marks("b", cells))})
    assert found["f1"] == found["high"] == 1
    assert 0.5 < found["low"] < 0.9


def test_nothing_is_known_of_one_annotator_or_where_nobody_marked_a_cell():
    cells = cells_apart(5)
    assert agreement({"": outcomes(marks("a", cells))}) is None
    assert agreement({"": outcomes(marks("a", np.empty((0, 3))), marks("b", []))}) is None
    assert np.isnan(mean_f1(outcomes(marks("a", cells))))


def test_the_table_has_each_brain_with_several_and_all_of_a_role():
    cells = cells_apart(30)
    both = outcomes(marks("a", cells[:20]), marks("b", cells[10:]))
    known = {"x": both, "y": both, "z": outcomes(marks("a", cells)), "t": both}
    table = agreement_table(known, {"x": "train", "y": "train", "z": "train", "t": "test"})
    assert table["brain"].tolist() == ["x", "y", "t", "all train brains"]
    assert table["value"].to_numpy() == pytest.approx(0.5)
    assert (table["low"] < table["value"]).all()
    assert set(table["annotators"]) == {"a b"}
    # Of the same number of cells in two brains more is known than of one.
    width = (table["high"] - table["low"]).to_numpy()
    assert width[3] > 0


def test_agreement_is_told_in_a_sentence():
    found = {"f1": 0.812, "low": 0.7, "high": 0.9}
    summary = {"annotators": ["anna", "ben", "cleo"], "in_doubt": 1, "agreement": found}
    summary |= {"marked": {"anna": 1210, "ben": 195, "cleo": 8}, "agreed_on": 188}
    said = agreement_in_words(summary)
    assert said.startswith("anna, ben and cleo agree with an F1 of 0.81 (95% interval 0.70 to")
    assert "beside each other (cells: anna 1,210, ben 195, cleo 8; 188 agreed on)" in said
    assert "1 position is in doubt" in said
    assert "not known" in agreement_in_words(summary | {"agreement": None})
    assert agreement_in_words({"annotators": [""], "in_doubt": 0, "agreement": None}) == ""
