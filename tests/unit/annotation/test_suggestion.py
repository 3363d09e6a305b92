"""What is suggested: a random part that is never biased, and what a look at is worth most."""

import numpy as np
import pandas as pd
import pytest

from cellsift.annotation.suggestion import Scored, suggest

COUNT = 300


def scored(labels: np.ndarray | None = None, arms: int = 2, **changes) -> Scored:
    """Candidates of which both arms are sure, each in its own place."""
    random = np.random.default_rng(1)
    is_cell = np.arange(COUNT) % 3 == 0
    p_cell = np.where(is_cell, 0.97, 0.03)[:, None] + random.uniform(-0.02, 0.02, (COUNT, arms))
    made = {
        "positions": random.uniform(0, 100, (COUNT, 3)),
        "p_cell": pd.DataFrame(p_cell, columns=[f"arm_{n}" for n in range(arms)]),
        "thresholds": {f"arm_{n}": 0.5 for n in range(arms)},
        "features": random.normal(0, 1, (COUNT, 4)),
        "labels": labels,
    }
    return Scored(**made | changes)


def nobody() -> np.ndarray:
    return np.zeros(COUNT, bool)


def of_kind(table: pd.DataFrame, why: str) -> set[int]:
    return set(table.loc[table["why"] == why, "candidate"])


def test_the_random_part_comes_first_and_alone_has_probabilities():
    table = suggest(scored(), nobody(), 40, 0.5, seed=1)
    assert list(table["suggestion"]) == list(range(1, 41))
    assert table["candidate"].is_unique
    assert (table["why"][:20] == "random").all()
    assert (table["why"][20:] != "random").all()
    assert table["probability"][:20].between(0, 1, inclusive="right").all()
    assert table["probability"][20:].isna().all()


@pytest.mark.parametrize("share", [0.2, 0.21, 1.0])
def test_no_less_than_the_wished_share_is_random(share):
    table = suggest(scored(), nobody(), 30, share, seed=1)
    assert len(table) == 30
    assert len(of_kind(table, "random")) >= share * 30


def test_what_is_labelled_is_not_suggested_again():
    known = nobody()
    known[:280] = True
    table = suggest(scored(), known, 15, 0.4, seed=1)
    assert len(table) == 15
    assert table["candidate"].min() >= 280


def test_of_few_candidates_all_are_drawn_so_that_nothing_is_estimated():
    known = nobody()
    known[:290] = True
    table = suggest(scored(), known, 15, 0.4, seed=1)
    assert of_kind(table, "random") == set(range(290, COUNT))
    assert (table["probability"] == 1).all()


def test_arms_that_contradict_each_other_are_a_case_for_a_person():
    table = scored().p_cell
    table.loc[7, :] = [0.98, 0.02]
    assert 7 in of_kind(suggest(scored(p_cell=table), nobody(), 40, 0.2, 1), "disagreement")
    one = suggest(scored(arms=1), nobody(), 40, 0.2, 1)
    assert not of_kind(one, "disagreement")
    assert len(one) == 40


def test_what_lies_at_the_arms_thresholds_is_doubtful():
    p_cell = scored().p_cell
    p_cell.loc[11, :] = 0.3
    p_cell.loc[12, :] = 0.5
    low = {"arm_0": 0.3, "arm_1": 0.3}
    found = suggest(scored(p_cell=p_cell, thresholds=low), nobody(), 20, 0.2, 2)
    doubtful = list(found.loc[found["why"] == "doubtful", "candidate"])
    drawn = of_kind(found, "random")
    assert [row for row in (11, 12) if row not in drawn] == doubtful[: 2 - len({11, 12} & drawn)]


def test_annotations_that_all_arms_contradict_are_suspect_and_only_those():
    labels = np.where(np.arange(COUNT) % 3 == 0, "cell", "no_cell").astype(object)
    labels[3], labels[4] = "no_cell", "cell"
    labels[6] = "ambiguous"
    p_cell = scored().p_cell
    # Surely contradicted; doubted is not enough.
    p_cell.loc[3, :], p_cell.loc[4, :], p_cell.loc[9, :] = 0.999, 0.001, 0.45
    found = [suggest(scored(labels, p_cell=p_cell), nobody(), 40, 0.2, s) for s in range(5)]
    suspects = set().union(*(of_kind(table, "suspect") for table in found))
    assert suspects == {3, 4}
    assert not of_kind(suggest(scored(p_cell=p_cell), nobody(), 40, 0.2, 1), "suspect")


def test_variety_finds_the_odd_ones_and_not_what_is_labelled_already():
    features = np.random.default_rng(2).normal(0, 0.01, (COUNT, 2))
    odd = [50, 150, 250]
    features[odd] = [[5, 5], [-5, 5], [5, -5]]
    table = suggest(scored(features=features), nobody(), 40, 0.2, seed=3)
    assert set(odd) <= set(table["candidate"])
    known, alike = nobody(), [50, 51, 52]
    known[50] = True
    features[alike] = features[50]
    for seed in range(5):
        table = suggest(scored(features=features), known, 20, 0.2, seed)
        assert not of_kind(table, "variety") & set(alike)
        assert {150, 250} <= of_kind(table, "variety") | of_kind(table, "random")


def test_candidates_that_were_not_looked_at_are_left_out_of_variety_alone():
    features = np.full((COUNT, 2), np.nan)
    features[:30] = np.random.default_rng(1).normal(0, 1, (30, 2))
    table = suggest(scored(features=features), nobody(), 60, 0.5, seed=1)
    assert of_kind(table, "variety") <= set(range(30))
    assert max(of_kind(table, "random")) > 30


def test_without_candidates_there_is_nothing_to_suggest():
    empty = Scored(np.empty((0, 3)), pd.DataFrame({"a": []}), {"a": 0.5}, np.empty((0, 2)))
    assert not len(suggest(empty, np.zeros(0, bool), 10, 0.5, seed=1))
