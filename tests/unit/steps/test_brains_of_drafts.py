"""Brains that all networks of a draft have learnt from: nothing of them counts as out of fold."""

import pandas as pd
import pytest

from cellsift.calibration.decision import known_logits
from cellsift.errors import InputError
from cellsift.io.json_files import write_json
from cellsift.io.tables import write_table
from cellsift.labels.folds import learnt_from
from cellsift.steps.brain_evidence import TrainFiles
from cellsift.steps.scores import scores_of_brain


@pytest.fixture
def scores(tmp_path):
    """The out-of-fold scores of brain "a" alone."""
    table = pd.DataFrame({"brain": "a", "candidate": [0, 1], "label": "cell", "logit": [0.1, 2.0]})
    write_table(table, tmp_path / "scores.csv")
    return [tmp_path / "scores.csv"]


def test_a_brain_of_a_draft_without_scores_is_left_to_its_network(scores):
    assert scores_of_brain(scores, "b", draft=True) is None
    assert len(scores_of_brain(scores, "a", draft=True)) == 2


def test_in_the_comparison_a_brain_without_scores_is_refused(scores):
    """Rather than scored by networks that have learnt from it."""
    with pytest.raises(InputError, match="train the arm anew"):
        known_logits(scores_of_brain(scores, "b"), 2)


def test_brains_are_learnt_from_where_no_network_was_trained_without_them():
    table = pd.DataFrame({"brain": ["a", "b", "b", "c"], "fold": [0, 0, 1, 2]})
    assert learnt_from(table, [0]) == {"b", "c"}
    assert learnt_from(table, range(3)) == learnt_from(table) == set()


def test_they_tell_nothing_of_how_many_cells_another_brain_has(tmp_path):
    summary, folds = tmp_path / "summary.json", tmp_path / "folds.csv"
    write_json({"where_complete": {"reached": 1, "annotated": 1}}, summary)
    write_table(pd.DataFrame({"brain": ["a", "b"], "fold": [0, 1]}), folds)
    files = dict.fromkeys("ab", summary)
    assert TrainFiles(files, files, {}, folds, [0]).telling("new") == ["a"]
    assert TrainFiles(files, files, {}, folds, [0, 1]).telling("new") == ["a", "b"]
    assert TrainFiles(files, files, {}, folds).telling("new") == ["a", "b"]
    assert TrainFiles(files, files, {}, None).telling("new") == ["a", "b"]
