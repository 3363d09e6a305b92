"""Answers of several rounds count together, each for as much as it stands for."""

import numpy as np
import pandas as pd
import pytest

from cellsift.annotation.drawing import draw_candidates
from cellsift.annotation.rounds import combined_weights


def a_round(number: int, items, probability, known=False, population=20) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "round": number,
            "item": items,
            "probability": probability,
            "known": known,
            "population": population,
        }
    )


def test_after_one_round_a_weight_is_one_over_the_probability():
    drawn = a_round(1, [4, 7, 9], [0.5, 0.25, 1.0])
    weights = combined_weights(drawn, pd.Index([4, 7, 9]))
    assert weights.to_dict() == {4: 2.0, 7: 4.0, 9: 1.0}


def test_those_that_are_labelled_stand_for_all_that_were_drawn():
    drawn = a_round(1, [1, 2, 3, 4], [0.5, 0.5, 0.25, 0.25])
    assert combined_weights(drawn, pd.Index([1, 3, 99])).to_dict() == {1: 4.0, 3: 8.0}


def test_without_answers_there_are_no_weights():
    drawn = a_round(1, [1, 2], [0.5, 0.5])
    assert not len(combined_weights(drawn, pd.Index([])))
    assert not len(combined_weights(drawn.head(0), pd.Index([1])))


def two_rounds(p_cell, label, seed, first, second, share_labelled) -> np.ndarray:
    """Estimates of the total by the first round alone, and by both."""
    rows, probability = draw_candidates(p_cell, first, [seed, 1])
    # Who labels begins at the top.
    labelled = rows[: round(share_labelled * len(rows))]
    one = a_round(1, rows, probability, population=len(p_cell))
    left = np.setdiff1d(np.arange(len(p_cell)), labelled)
    again, chance = draw_candidates(p_cell[left], second, [seed, 2])
    new = a_round(2, left[again], chance, population=len(left))
    both = pd.concat([one, new, a_round(2, labelled, 1.0, known=True)])
    answered = [pd.Index(labelled), pd.Index(labelled).append(pd.Index(left[again])).unique()]
    return np.array(
        [
            (weights * label[weights.index]).sum()
            for weights in map(combined_weights, (one, both), answered)
        ]
    )


@pytest.mark.slow
@pytest.mark.parametrize("share_labelled", [1.0, 0.5])
def test_two_rounds_together_are_not_biased_and_vary_less(share_labelled):
    random = np.random.default_rng(2)
    p_cell = random.beta(0.4, 0.8, 120)
    label = random.uniform(0, 1, 120) < 0.3
    found = np.array(
        [two_rounds(p_cell, label, seed, 20, 30, share_labelled) for seed in range(500)]
    )
    error = found.std(axis=0) / np.sqrt(len(found))
    assert (np.abs(found.mean(axis=0) - label.sum()) < 4 * error).all()
    assert found[:, 1].std() < 0.75 * found[:, 0].std()


def test_once_all_are_known_nothing_is_estimated():
    one = a_round(1, [0, 1, 2], 0.5, population=6)
    rest = a_round(2, [3, 4, 5], 1.0, population=3)
    known = a_round(2, [0, 1, 2], 1.0, known=True)
    weights = combined_weights(pd.concat([one, rest, known]), pd.Index(range(6)))
    assert (weights == 1).all()
    assert len(weights) == 6


def test_a_round_counts_by_how_much_it_knows():
    """Of three times as many a third round is taken for three times as sure, or more."""
    one = a_round(1, [0], 0.01, population=100)
    two = a_round(2, [1, 2, 3], 0.03, population=100)
    weights = combined_weights(pd.concat([one, two]), pd.Index(range(4)))
    assert weights[0] < 100 / 4
    assert weights[1] == pytest.approx(weights[2])
    assert weights[1] * 0.03 == pytest.approx(1 - weights[0] * 0.01)
