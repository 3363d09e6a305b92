"""Pre-trainings in config/pretraining: read, completed, refused, and matched with their arms."""

from dataclasses import replace

import pytest
import torch
import yaml

from cellsift.errors import InputError
from cellsift.models import create_model
from cellsift.project import pretrainings as pretraining_reading
from cellsift.project.pretrainings import FOLDER, pretrainings_of, read_pretraining
from cellsift.settings.arms import Arm
from cellsift.settings.pretraining import Pretraining
from cellsift.settings.recipe import Recipe
from cellsift.training.pretraining.methods import check_method, make_method

SHAPE = (12, 25, 25)
LEAST = {"method": "dino", "architecture": "resnet"}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(pretraining_reading, "FOLDER", tmp_path)
    return tmp_path


def write(folder, content, name="some") -> str:
    (folder / f"{name}.yaml").write_text(
        content if isinstance(content, str) else yaml.safe_dump(content)
    )
    return name


def arm(pretraining: Pretraining, **recipe) -> Arm:
    whole = Recipe.from_dict({"pretraining": pretraining.name} | recipe)
    return Arm("an_arm", pretraining.architecture, pretraining.options, whole)


@pytest.mark.parametrize("name", sorted(path.stem for path in FOLDER.glob("*.yaml")))
def test_what_is_shipped_can_be_used(name):
    found = read_pretraining(name)
    with torch.device("meta"):
        network = create_model(found.architecture, 2, SHAPE, **found.options)
    check_method(found.method, found.architecture, network)
    network = create_model(found.architecture, 2, SHAPE, **found.options)
    make_method(found.method, network, 2, SHAPE, found.of_method)
    assert pretrainings_of([arm(found)]) == {name: found}


def test_defaults_are_filled_in(folder):
    found = read_pretraining(write(folder, LEAST))
    assert found.recipe.epochs == 50
    assert found.recipe.augmentation == Recipe().augmentation
    assert found.of_method == {"local_views": 2, "prototypes": 1024, "teacher_momentum": 0.996}
    assert found.roles == ("train",)
    assert Pretraining.from_dict(found.to_dict()) == found


def test_locked_brains_are_used_only_if_asked_for(folder):
    for brains, roles in {"train": {"train"}, "all": {"train", "predict", "test"}}.items():
        found = read_pretraining(write(folder, LEAST | {"brains": brains}))
        assert set(found.roles) == roles
    assert "test" not in read_pretraining(write(folder, LEAST)).roles


def test_an_autoencoder_is_not_asked_to_draw_noise(folder):
    content = {"method": "mae", "architecture": "vit3d"}
    by_default = read_pretraining(write(folder, content)).recipe.augmentation
    assert by_default.operations == ("flip", "quarter_turn", "affine")
    chosen = read_pretraining(write(folder, content | {"augmentation": "none"}))
    assert chosen.recipe.augmentation.strength == 0


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({}, "'architecture', 'method' is missing"),
        (LEAST | {"method": "simclr"}, "method: 'simclr' found; give one of mae, dino"),
        (LEAST | {"architecture": "resnett"}, "architecture 'resnett' is not known"),
        (LEAST | {"epoch": 3}, "unknown key 'epoch'"),
        (LEAST | {"epochs": 0}, "epochs: 0 is less than"),
        (LEAST | {"learning_rate": "1e-3"}, "learning_rate: '1e-3' is not of type 'number'"),
        (LEAST | {"mask_ratio": 0.5}, "mask_ratio says nothing to method dino"),
        ({"method": "mae", "architecture": "vit3d", "prototypes": 9}, "prototypes says nothing"),
        ({"method": "mae", "architecture": "vit3d", "mask_ratio": 1}, "mask_ratio: 1 is greater"),
        (LEAST | {"brains": "mouse_1"}, "brains: 'mouse_1' found; give one of train, train_and"),
        (LEAST | {"augmentation": "much"}, "augmentation is 'much'"),
        (LEAST | {"augmentation": {"operations": ["turn"]}}, "augmentation operations"),
        (LEAST | {"normalisation": "none"}, "normalisation: 'none' found"),
        (LEAST | {1: 2}, "the key 1 is not text"),
        ("- a", "expected keys with values"),
        ("a: [", "not readable as YAML"),
    ],
)
def test_bad_settings_are_refused_with_the_files_name(folder, content, message):
    with pytest.raises(InputError, match=message) as problem:
        read_pretraining(write(folder, content))
    assert str(folder / "some.yaml") in str(problem.value)


@pytest.mark.parametrize("name", ["missing", "../models/resnet", "", 3, None])
def test_a_name_without_a_file_is_refused_with_those_there_are(folder, name):
    write(folder, LEAST)
    with pytest.raises(InputError, match="there is no pre-training .* name one of: some"):
        read_pretraining(name)


def test_only_what_arms_name_is_read(folder):
    (folder / "broken.yaml").write_text("a: [")
    found = read_pretraining(write(folder, LEAST))
    without = replace(arm(found), name="plain", recipe=Recipe())
    assert pretrainings_of([without]) == {}
    assert pretrainings_of([without, arm(found), replace(arm(found), name="b")]) == {"some": found}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"architecture": "vit3d"},
            "architecture of arm 'an_arm' is vit3d, of its .*'some' resnet",
        ),
        ({"options": {"width": 8}}, "options of arm 'an_arm' is {'width': 8}, of its .* {}"),
    ],
)
def test_an_arm_with_another_network_is_refused_with_both_named(folder, change, message):
    found = read_pretraining(write(folder, LEAST))
    with pytest.raises(InputError, match=message):
        pretrainings_of([replace(arm(found), **change)])


def test_without_a_normalisation_it_sees_what_its_arms_see(folder):
    found = read_pretraining(write(folder, LEAST))
    (used,) = pretrainings_of([arm(found, normalisation="local")]).values()
    assert used.recipe.normalisation == "local"


def test_an_arm_that_sees_other_input_is_refused(folder):
    found = read_pretraining(write(folder, LEAST | {"normalisation": "brain"}))
    with pytest.raises(InputError, match="normalisation of arm 'an_arm' is linear, .* brain; make"):
        pretrainings_of([arm(found, normalisation="linear")])


def test_defaults_that_are_written_out_make_no_other_network(folder):
    found = read_pretraining(write(folder, LEAST))
    pretrainings_of([replace(arm(found), options={"depth": 18, "width": 64})])
