"""What the modes of a config make of it: a draft does less, and a release asks for more."""

import pytest
import yaml

from cellsift.errors import InputError
from cellsift.project import arms as arm_reading
from cellsift.project.reading import load_project
from cellsift.project.wanted_release import arms_to_train
from cellsift.settings.draft import DRAFT_EPOCHS

HEADER = "brain\trole\tsignal\tbackground\tvoxel_z\tvoxel_y\tvoxel_x\tcells\tnon_cells"
RESNET = {"architecture": "resnet", "options": {"depth": 18, "width": 4}}
BOTH = {"architecture": "ensemble", "options": {"members": ["one", "other"], "method": "stacking"}}
SEARCH = {"trials": 3, "space": {"learning_rate": {"low": 0.001, "high": 0.01}}}
RELEASE = {"arm": "one", "name": "cfos-2026"}


@pytest.fixture
def project_of(tmp_path, monkeypatch):
    """A function that loads a project of two arms and an ensemble, of so many train brains."""
    monkeypatch.setattr(arm_reading, "ARMS", tmp_path)

    def made(train: int = 3, one=RESNET, **config):
        arms = {"one": one, "other": RESNET, "both": BOTH}
        for name, content in arms.items():
            (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(content))
        rows = [f"b{n}\ttrain\tb{n}.tif\t\t5\t2\t2\tb{n}.csv\t" for n in range(train)]
        (tmp_path / "brains.tsv").write_text("\n".join([HEADER, *rows]) + "\n")
        shared = {"brains_table": "brains.tsv", "arms": list(arms)}
        return load_project(shared | config, tmp_path)

    return made


def test_the_comparison_is_what_is_done_without_a_word(project_of):
    assert project_of() == project_of(mode="crossval")
    assert list(project_of().folds_of("one")) == [0, 1, 2]


@pytest.mark.parametrize(
    ("train", "training", "folds", "group_by", "networks"),
    [
        (3, {}, 3, "brain", 1),
        (2, {"folds": 3}, 2, "brain", 1),
        (5, {"folds": 4, "group_by": "brain"}, 4, "brain", 1),
        (1, {"folds": 5}, 2, "block", 2),
        (3, {"folds": 5, "group_by": "block"}, 2, "block", 2),
    ],
)
def test_a_draft_has_one_network_where_whole_brains_can_be_left_out(
    project_of, train, training, folds, group_by, networks
):
    """Of a single brain there are two, so that each candidate is judged by one that is honest."""
    project = project_of(train, mode="draft", training=training)
    found = project.config.training
    assert (found.folds, found.group_by) == (folds, group_by)
    assert list(project.folds_of("one")) == list(range(networks))


@pytest.mark.parametrize("epochs", [2, 100])
def test_a_draft_has_few_epochs_and_never_more_than_the_recipe(project_of, epochs):
    given = RESNET | {"training": {"epochs": epochs, "frozen_epochs": epochs // 2}}
    project = project_of(mode="draft", one=given)
    recipe = project.arms["one"].recipe
    assert recipe.epochs == min(epochs, DRAFT_EPOCHS)
    assert 0 < recipe.frozen_epochs < recipe.epochs
    assert project.config.training.recipe.epochs == DRAFT_EPOCHS
    assert recipe.learning_rate == project_of(one=given).arms["one"].recipe.learning_rate


def test_a_draft_searches_and_pretrains_nothing(project_of):
    given = RESNET | {"search": SEARCH}
    assert project_of(one=given).arms["one"].search
    assert project_of(one=given, mode="draft").arms["one"].search is None
    pretrained = RESNET | {"training": {"pretraining": "any"}}
    assert project_of(one=pretrained, mode="draft").pretrainings == {}


def test_members_of_a_draft_weigh_alike(project_of):
    assert project_of(mode="draft").arms["both"].options["method"] == "mean"
    assert project_of().arms["both"].options["method"] == "stacking"


def test_detection_and_cuboids_of_a_draft_are_those_of_the_comparison(project_of):
    draft, whole = project_of(mode="draft"), project_of()
    assert draft.brains == whole.brains
    assert draft.config.cuboid == whole.config.cuboid


def test_a_release_says_which_arm_and_its_name(project_of):
    project = project_of(mode="release", release=RELEASE)
    assert project.config.release.version == "1.0.0"
    assert project.config.release.learn_from == "all"
    assert arms_to_train(project.config.release, project.arms) == ["one"]
    of_both = project_of(mode="release", release=RELEASE | {"arm": "both"})
    assert arms_to_train(of_both.config.release, of_both.arms) == ["one", "other"]


def test_a_release_trains_and_shows_the_comparison_as_it_was(project_of):
    """So that nothing of it is done again."""
    release, whole = project_of(mode="release", release=RELEASE), project_of()
    assert release.arms == whole.arms
    assert (
        release.config.shown() == whole.config.shown() == project_of(release=RELEASE).config.shown()
    )
    assert release.config.training == whole.config.training


def test_what_is_to_be_released_may_stand_in_the_config_of_any_mode(project_of):
    for mode in ("draft", "crossval"):
        project = project_of(mode=mode, release=RELEASE)
        assert arms_to_train(project.config.release, project.arms) == []


@pytest.mark.parametrize(
    ("release", "said"),
    [
        (None, r"release: mode: release needs .* \{arm: one, name: cfos-2026\}"),
        (RELEASE | {"arm": "onne"}, r"'onne' is not among the arms.*'one'"),
        (RELEASE | {"name": "a b"}, r"config, release: 'a b' cannot be the name"),
        (RELEASE | {"version": "2"}, r"config, release: '2' cannot be the version"),
        (RELEASE | {"card": "nowhere.yaml"}, r"config, release: .*nowhere\.yaml"),
        (RELEASE | {"lern_from": "all"}, r"unknown key 'lern_from'"),
    ],
)
def test_what_cannot_be_released_is_refused_before_any_work(project_of, release, said):
    with pytest.raises(InputError, match=said):
        project_of(mode="release", release=release)


def test_an_unknown_mode_is_refused_with_the_known_ones(project_of):
    with pytest.raises(InputError, match="'quick' found; give one of draft, crossval, release"):
        project_of(mode="quick")
