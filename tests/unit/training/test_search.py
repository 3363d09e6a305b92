"""The search for better recipes: what may be tried, on which candidates, and what it leaves."""

import multiprocessing
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import yaml
from synthetic_cuboids import make_brains, narrow_arm

from cellsift.errors import InputError, TrainingDiverged
from cellsift.io.json_files import read_json, write_json
from cellsift.io.tables import read_table
from cellsift.project import arms as project_arms
from cellsift.project.arms import read_arm, read_arms
from cellsift.project.searches import read_search
from cellsift.results import SearchFolder
from cellsift.settings.recipe import Augmentation, Recipe
from cellsift.settings.search import Range, own_values, recipe_with
from cellsift.training.classification.arm import TrainingBrain, train_arm
from cellsift.training.engine import RunOptions
from cellsift.training.progress import Progress
from cellsift.training.search import trials as trials_module
from cellsift.training.search.choice import with_chosen_recipe
from cellsift.training.search.files import SearchFiles
from cellsift.training.search.found_arm import write_arm
from cellsift.training.search.outcome import choose_recipe, write_trials
from cellsift.training.search.study import next_trial, open_recipe_study
from cellsift.training.search.trials import do_trials, inner_folds, study_name
from cellsift.workflow.training_progress import TrainingDisplay

RATE = {"low": 0.0005, "high": 0.01, "log": True}
SPACE = {"learning_rate": RATE, "class_weights": ["balanced", "none"]}
RECIPE = Recipe()
QUIET = Progress()


def searching(trials: int = 3, jobs: int = 1, space=SPACE, **recipe):
    arm = narrow_arm(**{"epochs": 1} | recipe)
    given = {"trials": trials, "jobs": jobs, "space": space}
    return replace(arm, search=read_search(given, arm.recipe, "narrow.yaml"))


@pytest.fixture(scope="module")
def brains(tmp_path_factory):
    return make_brains(tmp_path_factory.mktemp("brains"), count=80)


def search(folder, brains, arm, left_out=0, job=1, seed=1, progress=QUIET):
    run = RunOptions(seed, device="cpu", progress=progress)
    return do_trials(arm, *brains, left_out, SearchFiles(SearchFolder(folder).job(job), job), run)


@pytest.fixture(scope="module")
def searched(brains, tmp_path_factory):
    """The folder of a search, its table, and what could be watched of it."""
    folder, seen = tmp_path_factory.mktemp("searched"), []
    display = TrainingDisplay(visible=False, count_trials=lambda *trials: seen.append(trials))
    return folder, search(folder, brains, searching(), progress=display), seen


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"trails": 5}, "unknown key 'trails'"),
        ({"trials": 1}, "trials"),
        ({"space": {}}, "space"),
        ({"space": {"learning_rat": RATE}}, "'learning_rat' cannot be searched; choose among"),
        ({"space": {"teacher": ["a", "b"]}}, "'teacher' cannot be searched"),
        ({"space": {"learning_rate": {"low": 0.1, "high": 0.01}}}, "give a low below high"),
        ({"space": {"learning_rate": {"low": 0.001, "high": 3}}}, "learning_rate is 3"),
        ({"space": {"weight_decay": {"low": 0, "high": 1, "log": True}}}, "has to be above 0"),
        ({"space": {"normalisation": {"low": 0, "high": 1}}}, "give a list of choices"),
        ({"space": {"normalisation": ["brain", "brian"]}}, "normalisation is 'brian'"),
        ({"space": {"epochs": {"low": 1.5, "high": 7}}}, "epochs is 1.5"),
        ({"space": {"augmentation_strength": {"low": 0, "high": 2}}}, "strength is 2"),
        ({"space": {"mixup": [0.2]}}, "mixup"),
    ],
)
def test_a_search_that_cannot_be_done_is_refused(given, message):
    with pytest.raises(InputError) as refusal:
        read_search(given, RECIPE, "arm.yaml")
    assert str(refusal.value).startswith("arm.yaml, search")
    assert message in str(refusal.value)


def test_a_search_of_what_a_teacher_teaches_is_refused():
    with pytest.raises(InputError, match="search and teacher do not go together"):
        read_search({}, RECIPE.with_changes({"teacher": "resnet"}), "arm.yaml")


@pytest.mark.parametrize("start", ["pretraining", "init_from"])
def test_another_normalisation_than_that_of_the_weights_is_not_searched(start):
    recipe = RECIPE.with_changes({start: "weights"})
    given = {"space": {"normalisation": ["brain", "local"]}}
    with pytest.raises(InputError, match=r"starts from weights, .*take normalisation out"):
        read_search(given, recipe, "arm.yaml")
    read_search({}, recipe, "arm.yaml")


def test_defaults_are_a_search_that_includes_the_default_recipe():
    found = read_search({}, RECIPE, "arm.yaml")
    assert (found.trials, found.inner_folds, found.jobs) == (20, 2, 1)
    assert own_values(RECIPE, found.space) == {
        "learning_rate": 0.001,
        "weight_decay": 0.05,
        "augmentation_strength": 1.0,
    }


def test_values_take_the_place_of_the_recipes_own():
    recipe = recipe_with(RECIPE, {"epochs": 7, "augmentation_strength": 0.25})
    assert recipe.epochs == 7
    assert recipe.augmentation == Augmentation(strength=0.25)
    none = recipe_with(RECIPE, {"augmentation": "none", "augmentation_strength": 0.5})
    assert none.augmentation == Augmentation(operations=(), strength=0.5)


def test_a_search_sees_no_candidate_of_the_fold_left_out(brains):
    _, table = brains
    for fold in (0, 1):
        rows = inner_folds(table, fold, 2)
        seen = set(zip(rows["brain"], rows["candidate"], strict=True))
        held_out = table[table["fold"] == fold]
        assert len(seen) == len(rows) > 20
        assert not seen & set(zip(held_out["brain"], held_out["candidate"], strict=True))
        assert set(rows["fold"]) == {0, 1}
    assert inner_folds(table, None, 5) is table


def test_trials_are_judged_on_inner_folds_alone(brains, tmp_path, monkeypatch):
    _, table = brains
    known, left_out = [], table[table["fold"] == 0]
    train = trials_module.train_fold

    def watched(arm, stores, rows, *more):
        known.append(set(zip(rows["brain"], rows["candidate"], strict=True)))
        return train(arm, stores, rows, *more)

    monkeypatch.setattr(trials_module, "train_fold", watched)
    search(tmp_path, brains, searching(2))
    held_out = set(zip(left_out["brain"], left_out["candidate"], strict=True))
    assert len(known) >= 3
    assert all(not seen & held_out for seen in known)


def test_the_first_trial_is_the_arms_own_recipe(searched):
    folder, path, _ = searched
    table = read_table(path)
    assert list(table["trial"]) == [0, 1, 2]
    assert list(table["own_recipe"]) == [True, False, False]
    assert table.loc[0, ["learning_rate", "class_weights"]].tolist() == [0.003, "balanced"]
    assert table["learning_rate"].between(0.0005, 0.01).all()
    ended = table[table["state"] == "ended"]
    assert ended["average_precision"].between(0, 1).all()
    # The journal stays, so that more trials can be asked for; what trials left behind goes.
    assert {p.name for p in folder.iterdir()} == {"journal.log", "job-1.csv"}


def test_the_arms_own_recipe_is_tried_even_if_other_jobs_were_quicker(brains, tmp_path):
    arm, (stores, table) = searching(2), brains
    code = RunOptions().code_hash
    name = study_name(arm, stores, inner_folds(table, 0, 2), 1, None, code)
    study = open_recipe_study(tmp_path / "journal.log", name)
    for merit in (0.2, 0.3):
        study.tell(next_trial(study, arm.search, 1), merit)
    path = search(tmp_path, brains, arm)
    assert read_table(path)["own_recipe"].tolist() == [False, False, True]


def test_other_weights_under_the_same_path_begin_a_study_of_their_own(brains, tmp_path):
    stores, table = brains
    path = tmp_path / "backbone.json"
    path.write_text("{}")
    arm = searching(init_from=str(path))
    names = set()
    for content in (b"some", b"others"):
        path.with_suffix(".safetensors").write_bytes(content)
        names.add(study_name(arm, stores, table, 1, path))
    assert len(names) == 2


def test_a_recipe_that_was_tried_on_all_inner_folds_is_not_given_up(brains, tmp_path, monkeypatch):
    """However poor it is on the last of them; one that is poor on the first is."""
    merits = iter([0.5, 1.0] * 4 + [0.6, 0.6] + [0.1])

    def judged(*_):
        path = tmp_path / "made.json"
        write_json({"provenance": {"average_precision": next(merits)}}, path)
        return path

    monkeypatch.setattr(trials_module, "train_fold", judged)
    path = search(tmp_path / "search", brains, searching(6))
    table = read_table(path)
    assert table["state"].tolist() == ["ended"] * 5 + ["given up"]
    assert table.loc[4, "average_precision"] == pytest.approx(0.6)


def test_the_default_augmentation_by_its_name_is_the_arms_own(brains):
    strengths = Range(low=0, high=1)
    space = {"augmentation": ["none", "default"], "augmentation_strength": strengths}
    own = {"augmentation": "default", "augmentation_strength": 1.0}
    assert own_values(RECIPE, space) == own
    weaker = Recipe.from_dict({"augmentation": {"strength": 0.5}})
    assert own_values(weaker, space) == own | {"augmentation_strength": 0.5}


def test_a_search_can_be_watched(searched):
    assert searched[2] == [(0, 3), (1, 3), (2, 3)]


@pytest.mark.slow
def test_the_same_seed_tries_the_same_and_another_tries_others(searched, brains, tmp_path):
    again = search(tmp_path / "again", brains, searching())
    pd.testing.assert_frame_equal(read_table(again), read_table(searched[1]))
    other = search(tmp_path / "other", brains, searching(), seed=2)
    assert not read_table(other)["learning_rate"].equals(read_table(again)["learning_rate"])


@pytest.mark.slow
def test_a_killed_search_goes_on_as_if_it_had_not_been(searched, brains, tmp_path, monkeypatch):
    train, calls = trials_module.train_fold, []

    def killed(*given):
        calls.append(given)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return train(*given)

    monkeypatch.setattr(trials_module, "train_fold", killed)
    with pytest.raises(KeyboardInterrupt):
        search(tmp_path, brains, searching())
    monkeypatch.setattr(trials_module, "train_fold", train)
    assert not (tmp_path / "job-1.csv").exists()
    path = search(tmp_path, brains, searching())
    columns = ["own_recipe", "average_precision", *SPACE]
    unbroken = read_table(searched[1])
    pd.testing.assert_frame_equal(read_table(path)[columns], unbroken[columns])


@pytest.mark.parametrize(
    "cut", [b'{"op_code":5,"wor', b'{"op_code":5,"wor{"op_code":6}\n', b"\0" * 40]
)
def test_a_journal_with_a_cut_entry_goes_on_without_it(tmp_path, cut):
    """As a full disk or a kill in the middle of writing leaves it."""
    journal = tmp_path / "journal.log"
    study = open_recipe_study(journal, "some")
    study.tell(study.ask(), 0.5)
    with journal.open("ab") as file:
        file.write(cut)
    again = open_recipe_study(journal, "some")
    again.tell(again.ask(), 0.75)
    for found in (again, open_recipe_study(journal, "some")):
        assert [trial.value for trial in found.get_trials()] == [0.5, 0.75]
    assert {path.name for path in tmp_path.iterdir()} == {"journal.log"}


@pytest.mark.slow
def test_more_trials_later_are_added_and_another_space_begins_anew(searched, brains, tmp_path):
    first = search(tmp_path, brains, searching(2))
    assert len(read_table(first)) == 2
    more = read_table(search(tmp_path, brains, searching()))
    pd.testing.assert_frame_equal(more, read_table(searched[1]))
    space = {"learning_rate": {"low": 0.002, "high": 0.004}}
    anew = read_table(search(tmp_path, brains, searching(2, space=space)))
    assert list(anew.columns[4:]) == ["learning_rate"]
    assert anew["learning_rate"].between(0.002, 0.004).all()


@pytest.mark.slow
def test_jobs_share_the_trials(brains, tmp_path):
    arm = searching(6, jobs=2)
    context = multiprocessing.get_context("spawn")
    running = [
        context.Process(target=search, args=(tmp_path, brains, arm), kwargs={"job": job})
        for job in (1, 2)
    ]
    for process in running:
        process.start()
    for process in running:
        process.join(120)
    tables = [read_table(tmp_path / f"job-{job}.csv") for job in (1, 2)]
    choose_recipe(arm, [tmp_path / "job-1.csv", tmp_path / "job-2.csv"], SearchFolder(tmp_path))
    trials = read_table(tmp_path / "trials.csv")
    # Each of them ends a trial that it has begun.
    assert 6 <= len(trials) <= 7
    assert all(len(table) >= 6 for table in tables)
    assert trials["own_recipe"].sum() == 1


def test_jobs_that_begin_together_try_different_recipes(brains, tmp_path, monkeypatch):
    tried = []

    def killed(study, trial, *_):
        tried.append(trial.params)
        raise KeyboardInterrupt

    monkeypatch.setattr(trials_module, "_run_trial", killed)
    for job in (1, 2, 3, 4):
        with pytest.raises(KeyboardInterrupt):
            search(tmp_path, brains, searching(8, jobs=4), job=job)
    assert tried[0] == {"learning_rate": 0.003, "class_weights": "balanced"}
    assert len({values["learning_rate"] for values in tried}) == 4


def test_an_own_recipe_that_was_killed_is_tried_again_and_the_search_ends(
    brains, tmp_path, monkeypatch
):
    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(trials_module, "_run_trial", killed)
    with pytest.raises(KeyboardInterrupt):
        search(tmp_path, brains, searching(2))
    monkeypatch.setattr(
        trials_module, "_run_trial", lambda study, trial, *_: study.tell(trial, 0.5)
    )
    path = search(tmp_path, brains, searching(2))
    assert read_table(path)["own_recipe"].tolist() == [True, False]


@pytest.mark.parametrize(
    ("space", "best"),
    [
        ({"learning_rate": {"low": 3.4e-8, "high": 1e-3, "log": True}}, 3.4e-8),
        # Of this one the usual way to read a table misses the last bit.
        ({"learning_rate": {"low": 1e-6, "high": 1e-3, "log": True}}, 0.00017909396718478326),
        ({"weight_decay": {"low": 1e-7, "high": 1e-2, "log": True}}, 3e-7),
        ({"learning_rate": [1e-7, 2.5e-6, 1e-3]}, 2.5e-6),
    ],
)
def test_small_values_are_chosen_as_they_were_tried(tmp_path, space, best):
    arm = searching(2, space=space)
    (key,) = space
    study = open_recipe_study(tmp_path / "journal.log", "some")
    for value, merit in ((1e-3, 0.5), (best, 0.75)):
        study.enqueue_trial({key: value})
        trial = next_trial(study, arm.search, 1)
        trial.report(merit, step=1)
        study.tell(trial, merit)
    write_trials(study, tmp_path / "job-1.csv")
    chosen = choose_recipe(arm, [tmp_path / "job-1.csv"], SearchFolder(tmp_path))
    assert chosen["values"] == {key: best}
    assert with_chosen_recipe(arm, tmp_path / "chosen.json").recipe.to_dict()[key] == best


@pytest.mark.slow
def test_recipes_that_diverge_are_given_up_and_the_search_goes_on(brains, tmp_path, monkeypatch):
    train = trials_module.train_fold

    def diverging(arm, *given):
        if arm.recipe.class_weights == "none":
            raise TrainingDiverged("the training loss is nan")
        return train(arm, *given)

    monkeypatch.setattr(trials_module, "train_fold", diverging)
    arm = searching(6)
    path = search(tmp_path, brains, arm)
    table = read_table(path)
    given_up = table["class_weights"] == "none"
    assert 0 < given_up.sum() < 6
    assert (table.loc[given_up, "state"] == "given up").all()
    assert table.loc[given_up, "average_precision"].isna().all()
    assert (
        choose_recipe(arm, [path], SearchFolder(tmp_path))["values"]["class_weights"] == "balanced"
    )


def test_what_makes_no_network_bad_ends_the_search(brains, tmp_path):
    stores, table = brains
    few = table[table["candidate"] < 12]
    with pytest.raises(InputError, match="search that leaves fold-0 out: .* at least 5 of each"):
        search(tmp_path, (stores, few), searching())
    assert not list(tmp_path.glob("*.csv"))


def made_up_trials(path, merit) -> pd.DataFrame:
    random = np.random.default_rng(0)
    rate = np.exp(random.uniform(np.log(RATE["low"]), np.log(RATE["high"]), 30))
    table = pd.DataFrame({"trial": range(30), "state": "ended", "own_recipe": False})
    table["average_precision"] = merit(rate)
    table["learning_rate"] = rate
    table["class_weights"] = random.choice(["balanced", "none"], 30)
    table.to_csv(path, index=False)
    return table


def test_the_best_is_chosen_and_what_made_the_difference_is_told(tmp_path):
    path = tmp_path / "job-1.csv"
    table = made_up_trials(path, lambda rate: 1 - 40 * np.abs(rate - 0.004))
    chosen = choose_recipe(searching(), [path], SearchFolder(tmp_path))
    best = table.loc[table["average_precision"].idxmax()]
    assert chosen["values"]["learning_rate"] == pytest.approx(best["learning_rate"])
    assert chosen["values"]["class_weights"] == best["class_weights"]
    assert chosen["own_average_precision"] is None
    assert read_json(tmp_path / "chosen.json") == chosen
    shares = read_table(tmp_path / "importance.csv").set_index("key")["share"]
    assert shares.index[0] == "learning_rate"
    assert shares["learning_rate"] > 0.8
    # What the keys explain together is left out.
    assert shares.sum() <= 1


def test_trials_that_are_all_alike_or_all_given_up(tmp_path):
    path = tmp_path / "job-1.csv"
    table = made_up_trials(path, lambda rate: 0.9)
    choose_recipe(searching(), [path], SearchFolder(tmp_path))
    assert read_table(tmp_path / "importance.csv").empty
    table.assign(state="given up").to_csv(path, index=False)
    with pytest.raises(InputError, match="none of 30 trials .* try lower values of learning_rate"):
        choose_recipe(searching(), [path], SearchFolder(tmp_path))


def test_what_was_found_is_an_arm(tmp_path, monkeypatch):
    """Whatever the config's own recipe is, also where what was found is a default."""
    arm = searching(patience=4)
    chosen = {"values": {"learning_rate": 0.001, "class_weights": "none"}, "trials": 3}
    path = tmp_path / "narrow_searched.yaml"
    write_arm(arm, chosen, path)
    monkeypatch.setattr(project_arms, "ARMS", tmp_path)
    shared = Recipe(learning_rate=0.02, normalisation="local", mixup=0.2)
    found = read_arms(["narrow_searched"], shared)["narrow_searched"]
    assert found.recipe == recipe_with(arm.recipe, chosen["values"])
    assert (found.architecture, found.options) == (arm.architecture, arm.options)
    assert not found.search
    assert "learning_rate" in yaml.safe_load(path.read_text())["training"]


def test_a_training_takes_the_recipe_that_was_chosen_and_wants_one(tmp_path):
    path = tmp_path / "job-1.csv"
    made_up_trials(path, lambda rate: rate)
    arm = searching()
    chosen = choose_recipe(arm, [path], SearchFolder(tmp_path))
    trained = with_chosen_recipe(arm, tmp_path / "chosen.json")
    assert trained.recipe == recipe_with(arm.recipe, chosen["values"])
    plain = replace(arm, search=None)
    assert with_chosen_recipe(plain, None) is plain
    for wrong, given in ((arm, None), (plain, tmp_path / "chosen.json")):
        with pytest.raises(InputError, match="give both or neither"):
            with_chosen_recipe(wrong, given)


def test_an_ensemble_cannot_be_searched(tmp_path, monkeypatch):
    monkeypatch.setattr(project_arms, "ARMS", tmp_path)
    content = {"architecture": "ensemble", "options": {"members": ["a", "b"]}, "search": {}}
    (tmp_path / "both.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(InputError, match="no recipe that could be searched"):
        read_arm("both")


@pytest.mark.slow
def test_an_arm_is_searched_and_trained_without_a_workflow(brains, tmp_path):
    stores, table = brains
    annotated = {
        brain: TrainingBrain(
            stores[brain],
            of.sort_values("candidate")
            .rename(columns={"z_um": "z", "y_um": "y", "x_um": "x"})
            .reset_index(drop=True),
            (1.0, 1.0, 1.0),
        )
        for brain, of in table.groupby("brain")
    }
    arm = searching(2)
    train_arm(arm, annotated, tmp_path, folds=2, run=RunOptions(device="cpu"))
    for fold in (0, 1):
        chosen = read_json(tmp_path / "search" / f"fold-{fold}" / "chosen.json")
        made = read_json(tmp_path / f"fold-{fold}.json")["provenance"]
        assert made["recipe"] == recipe_with(arm.recipe, chosen["values"]).to_dict()
