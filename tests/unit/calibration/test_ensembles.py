"""An ensemble from Python: fitted on its members' scores, loaded beside them, used as one arm."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from fuzzing import FUZZ
from hypothesis import given
from hypothesis import strategies as st
from synthetic_cuboids import make_brains, write_store
from trained_folds import fold_files

from cellsift.calibration.arm import join_folds
from cellsift.calibration.calibrate import calibrate
from cellsift.calibration.ensemble import combine_members
from cellsift.errors import InputError
from cellsift.inference.classify import classify_brain, score_brain, score_chunk, score_store
from cellsift.inference.members import classify_by_members
from cellsift.inference.trained_arm import load_arm
from cellsift.io.json_files import read_json, write_json
from cellsift.io.tables import read_table
from cellsift.results import ArmFolder
from cellsift.settings.arms import Arm
from cellsift.settings.recipe import Recipe
from cellsift.training.classification.arm import out_of_fold_scores
from cellsift.training.classification.files import FoldFiles
from cellsift.training.classification.fold import train_fold
from cellsift.training.engine import RunOptions

MEMBERS = ("narrow", "wide", "other")
METHODS = ("mean", "simplex", "stacking")


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    return make_brains(tmp_path_factory.mktemp("brains"))


def files_of(folder: Path, fold: int) -> FoldFiles:
    """The files of an arm's fold, all below the folder of its models."""
    training = ArmFolder(folder).training.fold(fold).path
    return fold_files(folder, training, folder / "checkpoint.pt", fold)


@pytest.fixture(scope="module")
def models(stores, tmp_path_factory):
    """A folder with three arms of two folds each, and an ensemble of them by each method."""
    brains, table = stores
    folder = tmp_path_factory.mktemp("models")
    recipe = Recipe(epochs=1, batch_size=16, learning_rate=0.003)
    scores = {}
    for seed, name in enumerate(MEMBERS):
        arm = Arm(name, "resnet", {"depth": 18, "width": 4 + 2 * seed}, recipe)
        sidecars = [
            train_fold(arm, brains, table, fold, files_of(folder / name, fold), RunOptions(seed))
            for fold in range(2)
        ]
        scores[name] = ArmFolder(folder / name).training.all_scores()
        join_folds(folder / name, sidecars, scores[name])
    for method in METHODS:
        made = ArmFolder(folder / method)
        combine_members(made.path, scores, made.training.scores, method)
    return folder


@pytest.fixture(scope="module")
def unseen(stores, tmp_path_factory):
    """The cuboids of one of the brains as if nothing had been learnt from them."""
    store = stores[0]["one"]
    path = tmp_path_factory.mktemp("unseen") / "brain.zarr"
    return write_store(path, store.read(np.arange(len(store))))


@pytest.mark.parametrize("method", METHODS)
def test_members_score_as_they_do_alone(models, unseen, method):
    ensemble = load_arm(models / method)
    logits = score_store(ensemble, unseen)
    alone = [score_store(load_arm(models / name), unseen) for name in ensemble.members]
    np.testing.assert_array_equal(logits, np.concatenate(alone, axis=1))


@pytest.mark.parametrize("method", METHODS)
def test_calibrated_logits_are_weighted_and_summed(models, unseen, method):
    written = read_json(models / method / "model.json")
    expected = written["intercept"] + sum(
        weight
        * score_brain(models / name, unseen)
        / read_json(models / name / "model.json")["temperature"]
        for name, weight in written["members"].items()
    )
    np.testing.assert_allclose(score_brain(models / method, unseen), expected, rtol=1e-12)
    cells = classify_brain(models / method, unseen)
    p_cell = 1 / (1 + np.exp(-expected / written["temperature"]))
    np.testing.assert_allclose(cells["p_cell"], p_cell, atol=1e-6)
    assert (cells["is_cell"] == (cells["p_cell"] >= written["threshold"])).all()
    assert cells["p_cell"].nunique() > 40


@pytest.mark.parametrize("method", METHODS)
def test_members_logits_are_all_that_is_needed(models, unseen, method):
    """The way of the workflow gives what the networks give, to the last bit."""
    logits = {name: score_brain(models / name, unseen) for name in MEMBERS}
    cells = classify_by_members(models / method, unseen.positions, logits)
    pd.testing.assert_frame_equal(cells, classify_brain(models / method, unseen), check_exact=True)


def test_chunks_of_an_ensemble_join_to_the_whole(models, unseen):
    parts = [score_chunk(models / "stacking", unseen, chunk, 3) for chunk in (1, 2, 3)]
    np.testing.assert_array_equal(np.concatenate(parts), score_brain(models / "stacking", unseen))


@pytest.mark.parametrize("method", METHODS)
def test_a_brain_that_was_learnt_from_gets_the_ensembles_own_scores(models, stores, method):
    folder, store = models / method, stores[0]["two"]
    known = out_of_fold_scores(folder, "two")
    cells = classify_brain(folder, store, known)
    by_members = classify_by_members(folder, store.positions, {}, known)
    pd.testing.assert_frame_equal(cells, by_members, check_exact=True)
    logits = known.sort_values("candidate")["logit"].to_numpy()
    temperature = read_json(folder / "model.json")["temperature"]
    np.testing.assert_allclose(cells["p_cell"], 1 / (1 + np.exp(-logits / temperature)), atol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_temperature_and_threshold_are_of_the_cross_fitted_scores(models, method):
    written = read_json(models / method / "model.json")
    scores = read_table(models / method / "training" / "scores.csv")
    expected = calibrate(scores)
    for key in ("temperature", "threshold"):
        assert written[key] == written["calibration"][key] == pytest.approx(expected[key], rel=1e-4)
    assert list(scores) == ["brain", "candidate", "label", "fold", "logit"]
    assert set(scores["fold"]) == {0, 1}
    assert written["provenance"]["brains"] == ["one", "two"]
    assert written["provenance"]["arm"] == written["method"] == method


def test_it_is_opened_from_its_own_folder_too(models, unseen, monkeypatch):
    expected = score_brain(models / "mean", unseen)
    monkeypatch.chdir(models / "mean")
    np.testing.assert_array_equal(score_brain(".", unseen), expected)


def test_fitting_and_joining_do_without_torch():
    code = (
        "import sys, cellsift.calibration.ensemble, cellsift.inference.members; "
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.fixture
def copied(models, tmp_path):
    """Copies of two arms and an ensemble, to be spoilt."""
    for name in ("narrow", "wide", "other", "mean"):
        shutil.copytree(models / name, tmp_path / name)
    return tmp_path


def change(path, **changes) -> None:
    write_json(read_json(path) | changes, path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"members": []}, "'members' is .*number for each member"),
        ({"members": {}}, "number for each member"),
        ({"members": {"narrow": "1"}}, "number for each member"),
        ({"members": {"narrow": True}}, "number for each member"),
        ({"members": {"narrow": 1}}, "for each of the members narrow"),
        ({"members": {"narrow": 1, "../wide": 1}}, "'../wide' is no name of a folder beside it"),
        ({"members": {"narrow": 1, "..": 1}}, "'..' is no name"),
        ({"members": {"/etc": 1}}, "'/etc' is no name"),
        ({"members": {"": 1}}, "'' is no name"),
        ({"members": {"narrow\n": 1}}, "is no name"),
        ({"member_temperatures": None}, "'member_temperatures' is None"),
        ({"member_temperatures": {"narrow": 0, "wide": 1, "other": 1}}, "a number above 0"),
        ({"intercept": "1"}, "'intercept' is '1'"),
        ({"intercept": 10**400}, "'intercept' is"),
        ({"temperature": 0}, "above 0"),
        ({"threshold": 10**400}, "no description of trained models"),
    ],
)
def test_a_damaged_description_is_refused(copied, unseen, changes, message):
    change(copied / "mean" / "model.json", **changes)
    with pytest.raises(InputError, match=message) as refusal:
        load_arm(copied / "mean")
    assert "model.json" in str(refusal.value)
    with pytest.raises(InputError, match=message):
        classify_by_members(copied / "mean", unseen.positions, {})


def test_a_member_that_was_made_anew_is_refused(copied):
    change(copied / "wide" / "model.json", temperature=3.21)
    with pytest.raises(InputError, match=r"member wide .*it now has 3\.21: combine the members"):
        load_arm(copied / "mean")


def test_a_member_that_is_gone_is_refused(copied):
    shutil.rmtree(copied / "wide")
    with pytest.raises(InputError, match="wide.model.json is no description of trained models"):
        load_arm(copied / "mean")


def test_an_ensemble_of_itself_is_refused(copied):
    """It would be looked for without end."""
    ones = {"narrow": 1.0, "mean": 1.0}
    path = copied / "mean" / "model.json"
    change(path, members=ones, member_temperatures=ones, temperature=1.0)
    change(copied / "narrow" / "model.json", temperature=1.0)
    with pytest.raises(InputError, match="'folds' is None"):
        load_arm(copied / "mean")


def test_members_for_different_cuboids_are_refused(copied):
    for fold in range(2):
        path = copied / "wide" / f"fold-{fold}.json"
        cuboid = read_json(path)["cuboid"]
        change(path, cuboid=cuboid | {"voxel_size": [5, 1, 1]})
    with pytest.raises(InputError, match="for different cuboids"):
        load_arm(copied / "mean")


def test_logits_that_do_not_cover_the_brain_are_refused(models, unseen):
    logits = {name: np.zeros(len(unseen)) for name in MEMBERS}
    with pytest.raises(InputError, match="member wide has logits of 59 candidates, .* has 60"):
        classify_by_members(models / "mean", unseen.positions, logits | {"wide": np.zeros(59)})
    del logits["other"]
    with pytest.raises(InputError, match="member other has logits of no candidates"):
        classify_by_members(models / "mean", unseen.positions, logits)


def test_members_that_are_not_there_cannot_be_combined(copied):
    files, new = ArmFolder(copied / "narrow").training.all_scores(), ArmFolder(copied / "new")
    with pytest.raises(InputError, match="missing.model.json is no description"):
        combine_members(new.path, {"narrow": files, "missing": files}, new.training.scores)
    with pytest.raises(InputError, match="'../narrow' is no name"):
        combine_members(new.path, {"narrow": files, "../narrow": files}, new.training.scores)
    assert not new.path.exists()


values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.one_of(st.sampled_from(MEMBERS), st.text(max_size=3)), inner),
    ),
    max_leaves=4,
)
KEYS = ["members", "member_temperatures", "intercept", "method", "temperature", "threshold"]


@FUZZ
@given(st.dictionaries(st.sampled_from(KEYS), values))
def test_a_description_with_anything_in_it_is_refused_or_read(models, unseen, tmp_path, changes):
    content = read_json(models / "mean" / "model.json") | changes
    (tmp_path / "model.json").write_text(json.dumps(content))
    logits = {name: np.zeros(len(unseen)) for name in MEMBERS}
    try:
        classify_by_members(tmp_path, unseen.positions, logits)
    except InputError as refusal:
        message = str(refusal)
        assert "model.json" in message or "member " in message
