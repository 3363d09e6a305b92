"""Trainings that start from given weights: what is taken over, what rests, what is refused."""

import json

import pytest
import torch
from synthetic_cuboids import make_brains, narrow_arm
from trained_folds import train_in

from cellsift.errors import InputError
from cellsift.models.backbone import head_tensors
from cellsift.models.storage import load_model
from cellsift.settings.recipe import Recipe
from cellsift.training.classification import fold_training


def train(folder, brains, start=None, after_epoch=None, **recipe):
    return train_in(folder, narrow_arm(**recipe), brains, start=start, after_epoch=after_epoch)


@pytest.fixture(scope="module")
def brains(tmp_path_factory):
    return make_brains(tmp_path_factory.mktemp("brains"), count=40)


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    """A model of other brains."""
    folder = tmp_path_factory.mktemp("elsewhere")
    return train(folder, make_brains(folder, ("three", "four"), count=40), epochs=1)


def weights(path) -> dict[str, torch.Tensor]:
    """The parameters of a model, without what batch normalisation has counted."""
    return {name: p.detach() for name, p in load_model(path)[0].named_parameters()}


def equal(first, second, names) -> list[bool]:
    return [torch.equal(first[name], second[name]) for name in names]


def test_a_frozen_backbone_stays_as_it_was_and_the_head_learns(brains, elsewhere, tmp_path):
    recipe = {"init_from": str(elsewhere), "epochs": 1, "frozen_epochs": 1}
    before, after = weights(elsewhere), weights(train(tmp_path, brains, elsewhere, **recipe))
    head = head_tensors(load_model(elsewhere)[0]) & set(before)
    assert all(equal(before, after, set(before) - head))
    assert not any(equal(before, after, head))


def test_a_backbone_learns_once_it_is_no_longer_frozen(brains, elsewhere, tmp_path):
    last = []

    def look(epoch):
        content = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
        last.append(content["state"]["model"])

    recipe = {"init_from": str(elsewhere), "epochs": 2, "frozen_epochs": 1, "patience": 2}
    train(tmp_path, brains, elsewhere, look, **recipe)
    before = weights(elsewhere)
    backbone = set(before) - head_tensors(load_model(elsewhere)[0])
    assert all(equal(before, last[0], backbone))
    assert not any(equal(before, last[1], backbone))


def test_patience_counts_from_when_the_backbone_learns(brains, elsewhere, tmp_path, monkeypatch):
    precision = iter([0.9, 0.8, 0.7, 0.6, 0.5])

    def ever_worse(*_):
        return {"validation_loss": 1.0, "average_precision": next(precision)}

    monkeypatch.setattr(fold_training, "held_out_figures", ever_worse)
    recipe = {"init_from": str(elsewhere), "epochs": 5, "frozen_epochs": 3, "patience": 1}
    done = []
    train(tmp_path, brains, elsewhere, done.append, **recipe)
    assert done == [1, 2, 3, 4]


def test_a_backbone_alone_comes_with_a_new_head(brains, elsewhere, tmp_path):
    made = {}
    for parts in ("all", "backbone"):
        recipe = {"init_from": str(elsewhere), "init_parts": parts, "learning_rate": 1e-12}
        path = train(tmp_path / parts, brains, elsewhere, epochs=1, weight_decay=0, **recipe)
        made[parts] = weights(path)
    before = weights(elsewhere)
    head = head_tensors(load_model(elsewhere)[0]) & set(before)
    for name in before:
        assert torch.allclose(made["all"][name], before[name], atol=1e-6)
        # A bias begins at 0 in every head.
        if name in head and before[name].ndim > 1:
            assert not torch.allclose(made["backbone"][name], before[name], atol=1e-3)


def test_a_killed_training_goes_on_from_its_checkpoint_and_not_from_the_start(
    brains, elsewhere, tmp_path
):
    def stop(epoch):
        if epoch == 1:
            raise KeyboardInterrupt

    recipe = {"init_from": str(elsewhere), "epochs": 2}
    unbroken = train(tmp_path / "unbroken", brains, elsewhere, **recipe)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "broken", brains, elsewhere, stop, **recipe)
    resumed = train(tmp_path / "broken", brains, elsewhere, **recipe)
    one, other = weights(unbroken), weights(resumed)
    assert all(equal(one, other, one))


def test_the_sidecar_tells_from_which_weights_a_model_started(brains, elsewhere, tmp_path):
    made = train(tmp_path, brains, elsewhere, epochs=1, init_from=str(elsewhere))
    provenance = json.loads(made.read_text())["provenance"]
    assert len(provenance["starting_point"]) == 64
    assert provenance["recipe"]["init_from"] == str(elsewhere)


def test_a_model_that_knows_the_brains_is_refused(brains, tmp_path):
    path = train(tmp_path / "first", brains, epochs=1)
    with pytest.raises(InputError, match="has learnt from brain .*figures would be too good"):
        train(tmp_path / "second", brains, path, init_from=str(path))
    assert not list((tmp_path / "second").rglob("*.safetensors"))


def test_a_model_that_goes_back_to_one_that_knows_the_brains_is_refused(brains, tmp_path):
    """However many models lie between, it has learnt from their labels."""
    first = train(tmp_path / "first", brains, epochs=1)
    others = make_brains(tmp_path, ("three", "four"), count=40)
    second = train(tmp_path / "second", others, first, init_from=str(first), epochs=1)
    known = load_model(first)[1]["provenance"]["brains"]
    with pytest.raises(InputError, match=f"has learnt from brain {known[0]}"):
        train(tmp_path / "third", brains, second, init_from=str(second), epochs=1)


def test_a_model_that_learnt_with_another_normalisation_is_refused(brains, elsewhere, tmp_path):
    with pytest.raises(InputError, match="normalisation brain, the arm's is local"):
        train(tmp_path, brains, elsewhere, init_from=str(elsewhere), normalisation="local")
    assert not list(tmp_path.rglob("*.safetensors"))


def test_recipe_and_weights_have_to_agree(brains, elsewhere, tmp_path):
    with pytest.raises(InputError, match="the weights given are None"):
        train(tmp_path, brains, init_from=str(elsewhere))
    with pytest.raises(InputError, match="starts from 'random weights'"):
        train(tmp_path, brains, elsewhere)
    with pytest.raises(InputError, match="leave one of them out"):
        Recipe.from_dict({"init_from": "a.json", "pretraining": "b"})
