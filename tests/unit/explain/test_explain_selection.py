"""Which candidates an arm is explained by."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic_examples import scores

from cellsift.errors import InputError
from cellsift.explain.selection import KINDS, choose_examples


def test_the_surest_errors_come_first():
    table = scores()
    chosen = choose_examples(table, 3)
    wrong = table[(table["label"] == "no_cell") & table["is_cell"]]
    missed = table[(table["label"] == "cell") & ~table["is_cell"]]
    of_kind = chosen.groupby("kind")["p_cell"].apply(list)
    assert of_kind["false positive"] == wrong["p_cell"].nlargest(3).tolist()
    assert of_kind["false negative"] == missed["p_cell"].nsmallest(3).tolist()


def test_rightly_classified_examples_run_from_the_surest_to_the_most_doubtful():
    table = scores()
    chosen = choose_examples(table, 4)
    cells = table[(table["label"] == "cell") & table["is_cell"]]["p_cell"]
    artefacts = table[(table["label"] == "no_cell") & ~table["is_cell"]]["p_cell"]
    shown = chosen[chosen["kind"] == "cell"]["p_cell"]
    assert shown.is_monotonic_decreasing
    assert (shown.iloc[0], shown.iloc[-1]) == (cells.max(), cells.min())
    shown = chosen[chosen["kind"] == "artefact"]["p_cell"]
    assert (shown.iloc[0], shown.iloc[-1]) == (artefacts.min(), artefacts.max())


@settings(max_examples=40, deadline=None)
@given(rows=st.integers(0, 60), count=st.integers(1, 8), seed=st.integers(0, 1000))
def test_examples_are_what_their_kind_says_in_order_and_at_most_count(rows, count, seed):
    table = scores(rows, seed)
    chosen = choose_examples(table, count)
    assert not chosen.duplicated("candidate").any()
    labelled = chosen[chosen["kind"].isin(KINDS)]
    assert (labelled["label"].eq("cell") == labelled["kind"].isin(["cell", "false negative"])).all()
    assert (labelled["is_cell"] == labelled["kind"].isin(["cell", "false positive"])).all()
    assert chosen["kind"].value_counts().le(count).all()
    assert not chosen.empty or not len(table)
    if len(labelled):
        assert "ambiguous" not in set(chosen["label"])
        assert labelled["kind"].map(KINDS.index).is_monotonic_increasing


def test_the_choice_does_not_depend_on_the_order_of_rows():
    table = scores().assign(p_cell=lambda t: t["p_cell"].round(1))
    shuffled = table.sample(frac=1, random_state=0)
    pd.testing.assert_frame_equal(choose_examples(table, 3), choose_examples(shuffled, 3))


def test_without_labels_examples_are_named_by_the_verdict_alone():
    chosen = choose_examples(scores().drop(columns=["label", "is_cell"]), 2)
    assert chosen["kind"].tolist() == ["called a cell"] * 2 + ["called no cell"] * 2
    assert (chosen["p_cell"].iloc[:2] >= 0.5).all()


def test_a_table_without_scores_and_a_count_of_none_are_refused():
    with pytest.raises(InputError, match="p_cell"):
        choose_examples(pd.DataFrame({"candidate": [0]}), 1)
    with pytest.raises(InputError, match="at least 1"):
        choose_examples(scores(), 0)
