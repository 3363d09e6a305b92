"""The network of a release: trained on all that is labelled, as the comparison has shown."""

import math
from dataclasses import replace

import pandas as pd
import pytest
import torch
from synthetic_cuboids import make_brains, narrow_arm
from trained_folds import run_options, train_in

from cellsift.cuboids.batches import Cuboids
from cellsift.errors import InputError
from cellsift.inference.scoring import read_scorer, score
from cellsift.io.json_files import read_json
from cellsift.models.storage import load_model
from cellsift.results import Results
from cellsift.settings.arms import Arm
from cellsift.settings.recipe import Recipe
from cellsift.training.classification.files import FinalFiles
from cellsift.training.classification.final import train_final
from cellsift.training.classification.final_training import epochs_of
from cellsift.training.classification.fold_data import log_odds_of


@pytest.fixture(scope="module")
def brains(tmp_path_factory):
    return make_brains(tmp_path_factory.mktemp("brains"), ("one", "two", "locked"))


def of_folds(*best: int) -> list[dict]:
    return [{"provenance": {"best_epoch": epoch}} for epoch in best]


def files_in(folder, **more) -> FinalFiles:
    made = Results(folder)
    training = made.training("arm").fold("all")
    return FinalFiles(
        made.model("arm").sidecar("all"),
        training.history,
        training.tensorboard,
        folder / "checkpoint.pt",
        **more,
    )


def train(folder, brains, arm=None, best=(3, 2, 3), files=None, **options):
    stores, table = brains
    return train_final(
        arm or narrow_arm(epochs=6),
        stores,
        table[["brain", "candidate", "label"]],
        log_odds_of(table),
        of_folds(*best),
        files or files_in(folder),
        run_options(**options),
    )


def test_it_learns_from_every_labelled_candidate_of_every_brain(tmp_path, brains):
    _, table = brains
    made = read_json(train(tmp_path, brains))["provenance"]
    assert made["brains"] == ["locked", "one", "two"]
    assert made["cells"] + made["no_cells"] == (table["label"] != "ambiguous").sum()
    assert made["fold"] == "all"
    assert "judged_on" not in made


def test_it_learns_for_as_long_as_the_folds_did_as_a_rule(tmp_path, brains):
    path = train(tmp_path, brains, best=(4, 1, 3))
    assert read_json(path)["provenance"]["epochs"] == 3
    history = pd.read_csv(files_in(tmp_path).history)
    assert list(history["epoch"]) == [1, 2, 3]
    assert "average_precision" not in history
    assert epochs_of(of_folds(2, 5)) == 5


def test_the_learning_rate_falls_as_in_the_folds(tmp_path, brains):
    """Whose weights were taken along the way, not at its end."""
    train(tmp_path, brains, best=(2,))
    rates = pd.read_csv(files_in(tmp_path).history)["learning_rate"]
    assert rates.iloc[-1] > 0.5 * rates.max()


def test_never_for_more_epochs_than_the_recipe_has(tmp_path, brains):
    path = train(tmp_path, brains, arm=narrow_arm(epochs=2), best=(5,))
    assert read_json(path)["provenance"]["epochs"] == 2


@pytest.mark.parametrize("weights", ["balanced", "none"])
def test_its_logits_stand_for_the_odds_of_the_comparison(tmp_path, brains, weights):
    """By which temperature and threshold were chosen."""
    stores, table = brains
    arm = narrow_arm(epochs=1)
    arm = replace(arm, recipe=arm.recipe.model_copy(update={"class_weights": weights}))
    files, odds = files_in(tmp_path), math.log(1 / 7)
    labels = table[["brain", "candidate", "label"]]
    path = train_final(arm, stores, labels, odds, of_folds(1), files, run_options())
    own = log_odds_of(table) if weights == "none" else 0.0
    assert read_json(path)["logit_offset"] == pytest.approx(odds - own)


def test_a_killed_training_goes_on_and_ends_alike(tmp_path, brains):
    class Killed(Exception):
        pass

    def kill(epoch):
        if epoch == 2:
            raise Killed

    with pytest.raises(Killed):
        train(tmp_path / "killed", brains, after_epoch=kill)
    done = []
    resumed = train(tmp_path / "killed", brains, after_epoch=done.append)
    assert done == [3]
    whole = train(tmp_path / "whole", brains)
    assert read_json(resumed)["weights_sha256"] == read_json(whole)["weights_sha256"]
    assert not files_in(tmp_path / "killed").checkpoint.exists()


def test_it_tells_cells_from_artefacts(tmp_path, brains):
    stores, table = brains
    path = train(tmp_path, brains, arm=narrow_arm(epochs=8), best=(8,))
    known = table[table["label"] != "ambiguous"]
    scorer, _ = read_scorer(path)
    logits = score([scorer], Cuboids(stores, known), torch.device("cpu"))[:, 0]
    right = (logits > 0) == (known["label"] == "cell")
    assert right.mean() > 0.8


def test_what_is_fitted_at_once_is_fitted_to_all(tmp_path, brains):
    arm = Arm("features", "features", {"trees": 20, "subsample": 1.0}, Recipe())
    path = train(tmp_path, brains, arm=arm, best=(1, 1))
    model, sidecar = load_model(path)
    assert sidecar["provenance"]["epochs"] == 1
    assert model.fitted_at_once


def test_a_teacher_that_was_held_back_from_a_fold_is_none_for_it(tmp_path, brains):
    """Its own teacher is the network that has learnt from all brains, too."""
    of_fold = train_in(tmp_path / "fold", narrow_arm(epochs=1), brains)
    arm = Arm("deit", "deit3d", {"width": 24, "depth": 1}, Recipe(epochs=1, teacher="arm"))
    with pytest.raises(InputError, match="fold-0 held out"):
        train(tmp_path, brains, arm=arm, best=(1,), files=files_in(tmp_path, teacher=of_fold))
    final = train(tmp_path / "teacher", brains, best=(1,))
    path = train(tmp_path, brains, arm=arm, best=(1,), files=files_in(tmp_path, teacher=final))
    assert read_json(path)["provenance"]["earlier_brains"] == ["locked", "one", "two"]


def test_a_brain_of_other_cuboids_is_refused(tmp_path, brains):
    stores, table = brains
    other, _ = make_brains(tmp_path / "other", ("one",), channels=1)
    with pytest.raises(InputError):
        train(tmp_path, ({**stores, **other}, table))
