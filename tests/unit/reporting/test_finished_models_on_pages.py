"""What pages say of arms that are finished models, alone and beside trained ones."""

import re

import pytest
from synthetic_results import ROLES, SKILL, make_results

from cellsift.io.json_files import read_json, write_json
from cellsift.reporting import brain_page, index_making, index_page
from cellsift.reporting.brain_page import BrainResults
from cellsift.reporting.run_results import RunResults
from cellsift.reporting.tables import finished_text
from cellsift.reporting.verdict import verdict_sentences
from cellsift.results import Results

MODEL = {"architecture": "resnet", "options": {"depth": 18}, "folds": ["fold-0.json"]}
FINISHED = {"model": "models/old", "learnt_from": ["x", "y"], "calibrated": True}


@pytest.fixture
def run_of(tmp_path):
    """A function that makes results in which these arms are finished models, and opens them."""
    made = make_results(tmp_path / "made", cells=40)
    recipes = {arm["name"]: dict(arm) for arm in made.arms}

    def opened(arms, **changes) -> RunResults:
        for arm in arms:
            path = Results(made.folder).model(arm).description
            own = read_json(path)
            write_json(own | MODEL | {"finished": FINISHED} | changes, path)
        return RunResults(made.folder, made.configuration, ROLES, recipes)

    return opened


def words(part) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", str(part)))


def test_the_table_of_arms_says_where_it_is_from(run_of):
    said = words(index_making.arms(run_of([next(iter(SKILL))])))
    assert "none here: a finished model, models/old, of 1 network; learnt from x, y;" in said
    assert "resnet, depth 18" in said
    assert "nothing of it was fitted here" in said
    made = FINISHED | {"learnt_from": [], "calibrated": False}
    plain = finished_text({"threshold": 0.5, "folds": ["a.json"], "finished": made})
    assert "learnt from brains that it does not name; threshold 0.5, p_cell not calib" in plain


def test_curves_of_losses_and_folds_are_those_of_trained_arms(run_of):
    first, *_ = SKILL
    run = run_of([first])
    assert "Loss over epochs" in str(index_making.loss(run))
    run = run_of(SKILL)
    assert not index_making.loss(run)
    assert words(index_making.folds(run)).strip() == (
        "No arm was trained in this run: all are finished models."
    )


def test_what_is_said_of_scores_holds_for_finished_models(run_of):
    caption = "Where scores are those of a model as it is, nothing was fitted or chosen on"
    assert caption not in words(index_page.end_to_end(run_of([])))
    first, *_ = SKILL
    beside, alone = (words(index_page.end_to_end(run_of(arms))) for arms in ([first], SKILL))
    assert caption in beside
    assert caption in alone
    assert "were chosen on these scores" in beside
    assert "were chosen on these scores" not in alone


def test_a_train_brain_is_one_that_finished_models_did_not_learn_from(run_of):
    train = next(name for name, role in ROLES.items() if role == "train")
    first, *_ = SKILL

    def facts(run):
        return words(brain_page.facts(BrainResults(run, train, {"role": "train"})))

    assert "networks were fitted on it" in facts(run_of([]))
    assert f"test brains are what counts. {first} learnt nothing from it" in facts(run_of([first]))
    said = facts(run_of(SKILL))
    assert "no arm was fitted on it" in said
    assert "networks were fitted" not in said


def test_a_count_by_a_p_cell_that_was_never_calibrated_has_a_warning(run_of):
    first, *_ = SKILL
    warning = f"The p_cell of {first} was never calibrated"
    for calibrated in (True, False):
        run = run_of([first], finished=FINISHED | {"calibrated": calibrated})
        said = words(brain_page.counted(BrainResults(run, "mouse_d", {"role": "predict"})))
        assert (warning in said) == (not calibrated)


def test_doubtful_candidates_are_not_said_to_teach_what_does_not_learn(run_of):
    information = {"role": "predict"}
    beside = words(brain_page.doubtful(BrainResults(run_of([]), "mouse_d", information)))
    alone = words(brain_page.doubtful(BrainResults(run_of(SKILL), "mouse_d", information)))
    assert "give it the role train" in beside
    assert "give it the role train" not in alone
    assert "No arm of this run learns" in alone


def test_without_a_test_brain_the_verdict_says_what_was_fitted_on_train_brains(run_of, monkeypatch):
    """The epoch of a finished model was not chosen on them."""
    first, *others = SKILL
    of_train = RunResults.evaluation

    def without_test(self, name):
        table = of_train(self, name)
        return table[table["role"] != "test"] if "role" in table else table.iloc[:0]

    monkeypatch.setattr(RunResults, "evaluation", without_test)
    assert "chosen on these same scores, so these values" in " ".join(verdict_sentences(run_of([])))
    mixed = verdict_sentences(run_of([first]))[-1]
    assert mixed.startswith(f"{first} was not fitted on these brains")
    assert "which makes theirs somewhat too good" in mixed
    alone = verdict_sentences(run_of(others))[-1]
    assert alone.startswith("All arms are finished models: nothing was fitted or chosen on these")
