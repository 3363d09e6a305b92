"""The contrast threshold that is chosen on train brains."""

import json

import numpy as np
import pandas as pd
import pytest

from cellsift.errors import InputError
from cellsift.evaluation.detection_threshold import choose_contrast_threshold

VOXEL_SIZE = (5.0, 2.0, 2.0)


def brain(contrasts_of_cells, contrasts_of_others=(), unreached=0):
    """Candidates on annotated cells, others far from any, and cells without a candidate."""
    found = [*contrasts_of_cells, *contrasts_of_others]
    candidates = pd.DataFrame({"z": 0.0, "y": 50.0 * np.arange(len(found)), "x": 0.0})
    cells = candidates.iloc[: len(contrasts_of_cells)].copy()
    lost = pd.DataFrame({"z": 100.0, "y": 50.0 * np.arange(unreached), "x": 0.0})
    return candidates.assign(contrast=found), pd.concat([cells, lost], ignore_index=True)


def choose(brains, recall, candidates_per_cell=None, partial=()):
    return choose_contrast_threshold(
        {name: pair[0] for name, pair in brains.items()},
        {name: pair[1] for name, pair in brains.items()},
        dict.fromkeys(brains, VOXEL_SIZE),
        10.0,
        recall,
        candidates_per_cell,
        partial,
    )


def test_without_a_limit_it_is_the_highest_that_reaches_the_recall_in_every_brain():
    brains = {
        "a": brain([0.9, 0.8, 0.7, 0.2], [0.75, 0.1]),
        "b": brain([0.9, 0.6, 0.5, 0.4], [0.3]),
    }
    chosen = choose(brains, 0.75)
    assert chosen["threshold"] == 0.5
    assert chosen["brains"]["a"]["recall"] == 0.75
    assert chosen["brains"]["a"]["candidates_per_cell"] == 1.0
    assert chosen["brains"]["b"] == {
        "annotated": 4,
        "reached": 3,
        "recall": 0.75,
        "candidates": 3,
        "candidates_per_cell": 0.75,
        "doubles": 0,
    }


def test_a_limit_is_used_up_but_in_no_brain_exceeded():
    brains = {
        "a": brain([0.9, 0.8], [0.7, 0.6, 0.5, 0.1]),
        "b": brain([0.9, 0.8], [0.2, 0.15, 0.1]),
    }
    chosen = choose(brains, 0.5, candidates_per_cell=2)
    assert chosen["threshold"] == 0.6
    counts = {name: found["candidates_per_cell"] for name, found in chosen["brains"].items()}
    assert counts == {"a": 2.0, "b": 1.0}


def test_a_brain_of_which_only_some_cells_are_annotated_sets_no_limit():
    few = brain([0.9, 0.3], np.linspace(0.8, 0.4, 40))
    brains = {"whole": brain([0.9, 0.8], [0.7, 0.2, 0.1]), "part": few}
    with pytest.raises(InputError, match=r"takes 21\.00 candidates"):
        choose(brains, 1.0, candidates_per_cell=2)
    chosen = choose(brains, 1.0, candidates_per_cell=2, partial=["part"])
    assert chosen["threshold"] == 0.2
    assert chosen["brains"]["part"]["candidates"] == 42
    assert chosen["brains"]["part"]["candidates_per_cell"] is None
    assert choose(brains, 1.0, partial=["part"])["threshold"] == 0.3, "its recall still counts"


def test_a_limit_needs_a_brain_whose_cells_are_all_annotated():
    brains = {"a": brain([0.9, 0.8], [0.4]), "b": brain([0.9])}
    with pytest.raises(InputError, match=r"all annotated train brains \(a, b\) have non_cells"):
        choose(brains, 1.0, candidates_per_cell=2, partial=["a", "b"])
    assert choose(brains, 1.0, partial=["a", "b"])["threshold"] == 0.8


def test_candidates_of_equal_contrast_are_kept_or_dropped_together():
    brains = {"a": brain([0.9, 0.8], [0.5, 0.5, 0.5])}
    chosen = choose(brains, 1.0, candidates_per_cell=2)
    assert chosen["threshold"] == 0.8
    assert chosen["brains"]["a"]["candidates"] == 2


def test_two_candidates_of_one_cell_reach_it_once():
    candidates = pd.DataFrame(
        {"z": 0.0, "y": [0.0, 1.0, 50.0], "x": 0.0, "contrast": [0.9, 0.8, 0.3]}
    )
    cells = pd.DataFrame({"z": 0.0, "y": [0.5, 50.0], "x": 0.0})
    assert choose({"a": (candidates, cells)}, 1.0)["threshold"] == 0.3


def test_a_recall_out_of_reach_is_refused_with_the_best_one():
    with pytest.raises(InputError, match=r"0\.95.*0\.750 in brain a"):
        choose({"a": brain([0.9, 0.8, 0.7], unreached=1), "b": brain([0.5])}, 0.95)


def test_a_recall_out_of_reach_within_the_limit_is_refused_with_both_numbers():
    brains = {"a": brain([0.9, 0.2], [0.8, 0.7, 0.6, 0.5])}
    with pytest.raises(InputError, match=r"takes 3\.00 candidates.*2 are allowed.*0\.500"):
        choose(brains, 1.0, candidates_per_cell=2)


def test_brains_without_annotated_cells_do_not_count_but_one_is_needed():
    empty = brain([], [0.9, 0.8])
    assert choose({"a": brain([0.9, 0.8]), "empty": empty}, 1.0)["brains"].keys() == {"a"}
    with pytest.raises(InputError, match="no train brain has an annotated cell"):
        choose({"empty": empty}, 0.9)


@pytest.mark.parametrize("recall", [0.0, -0.1, 1.1])
def test_a_recall_must_be_a_share(recall):
    with pytest.raises(InputError, match="recall"):
        choose({"a": brain([0.9])}, recall)


def test_no_candidates_at_all_is_refused():
    candidates, cells = brain([0.9])
    with pytest.raises(InputError, match=r"0\.000 in brain a"):
        choose({"a": (candidates.iloc[:0], cells)}, 0.5)


def test_rounding_does_not_ask_for_one_cell_more():
    brains = {"a": brain(np.linspace(0.9, 0.1, 20))}
    assert choose(brains, 0.95)["brains"]["a"]["reached"] == 19


def test_the_result_goes_into_json():
    chosen = choose({"a": brain([0.9, 0.8], [0.4])}, 1.0, candidates_per_cell=1.5)
    assert json.loads(json.dumps(chosen, allow_nan=False)) == chosen
