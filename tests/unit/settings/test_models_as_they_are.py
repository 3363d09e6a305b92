"""Arms that are finished models: what the config takes from them, and what is refused in words."""

import json
from pathlib import Path

import pytest
import yaml
from finished_models import NARROW, SHAPE, SIZE, write_model

from cellsift.errors import InputError
from cellsift.preflight.shared import refuse_few
from cellsift.project import arms as arm_reading
from cellsift.project.models import notes_on_detection
from cellsift.project.network_checks import check_networks
from cellsift.project.reading import load_project
from cellsift.releases.archive import members_of, write_archive
from cellsift.releases.index import add_to_index
from cellsift.releases.manifest import Release
from cellsift.settings.learnt_detection import LearntDetection
from cellsift.workflow.known_networks import check_networks_once

DETECTION = {"method": "dog", "soma_diameter": 14}
ROW = {
    "brain": "a",
    "role": "train",
    "signal": "a.tif",
    "background": "",
    "voxel_z": "5",
    "voxel_y": "2",
    "voxel_x": "2",
    "cells": "a.csv",
    "non_cells": "",
}
OTHER = ROW | {"brain": "b", "role": "predict", "signal": "b.tif", "cells": ""}
TEST = ROW | {"brain": "t", "role": "test", "signal": "t.tif", "cells": "t.csv"}


@pytest.fixture
def project_of(tmp_path, monkeypatch):
    """A function that loads a project of arms given as their files' content, one by default."""
    monkeypatch.setattr(arm_reading, "ARMS", tmp_path)
    write_model(tmp_path / "model")

    def made(*rows, arms=None, **config):
        arms = {"one": {"model": str(tmp_path / "model")}} if arms is None else arms
        for name, content in arms.items():
            (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(content))
        lines = [list(ROW), *(row.values() for row in rows or [OTHER])]
        (tmp_path / "brains.tsv").write_text("\n".join(map("\t".join, lines)) + "\n")
        content = {"brains_table": "brains.tsv", "arms": list(arms), "detection": DETECTION}
        given = {key: value for key, value in (content | config).items() if value is not None}
        return load_project(given, tmp_path)

    return made


def test_cuboids_folds_and_network_are_the_models(project_of):
    project = project_of()
    assert project.config.cuboid.to_dict() == {"shape": list(SHAPE), "voxel_size": list(SIZE)}
    assert list(project.folds_of("one")) == [0, 1]
    arm = project.arms["one"]
    assert (arm.architecture, arm.options, arm.recipe) == ("resnet", NARROW, None)
    assert project.brains["b"].settings["cuboid"]["shape"] == list(SHAPE)
    assert project.trained == []


LEARNT = LearntDetection("dog", {"soma_diameter": 16.5}, 0.3)


def record(folder, learnt) -> str:
    """Write what a model learnt from into its description; return the folder."""
    path = folder / "model.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"detection": learnt.to_dict()}))
    return str(folder)


def test_detection_is_the_models_where_the_config_says_nothing_of_it(project_of, tmp_path):
    record(tmp_path / "model", LEARNT)
    project = project_of(detection=None)
    settings = project.brains["b"].settings["detection"]
    assert (settings["method"], settings["soma_diameter"]) == ("dog", 16.5)
    assert settings["keep"] == {"contrast": 0.3}
    (note,) = notes_on_detection(project)
    assert str(tmp_path / "model") in note
    assert "soma_diameter: 16.5" in note
    own = project_of(detection=None, brains={"b": {"detection": {"soma_diameter": 9}}})
    assert own.brains["b"].settings["detection"]["soma_diameter"] == 9
    named = project_of(detection={"method": "dog"})
    assert named.brains["b"].settings["detection"]["soma_diameter"] == 8
    assert named.config.detection.keep is None
    assert notes_on_detection(named) == []


def test_a_model_that_does_not_say_leaves_the_default_and_that_is_told(project_of):
    project = project_of(detection=None)
    assert project.config.detection.method == "cellfinder"
    (note,) = notes_on_detection(project)
    assert "detection is the default" in note


def test_models_that_learnt_from_other_candidates_need_a_detection_in_the_config(
    project_of, tmp_path
):
    paths = {name: write_model(tmp_path / name) for name in ("p", "q")}
    arms = {name: {"model": record(paths[name], LEARNT)} for name in paths}
    assert project_of(arms=arms, detection=None).config.detection.method == "dog"
    record(paths["q"], LearntDetection("dog", {"soma_diameter": 4}))
    with pytest.raises(InputError, match=r"q\.yaml, model.*another detection.*write detection"):
        project_of(arms=arms, detection=None)
    differing = LearntDetection("dog", {}, None, {"soma_diameter": {"a": 4, "b": 5}})
    for path in paths.values():
        record(path, differing)
    with pytest.raises(InputError, match="4 in a, 5 in b.*write detection into the config"):
        project_of(arms=arms, detection=None)
    assert project_of(arms=arms).config.detection.method == "dog"


def test_a_contrast_may_be_named_without_an_annotated_brain(project_of):
    project = project_of(detection=DETECTION | {"keep": {"contrast": 0.25}})
    assert project.config.detection.keep.to_dict() == {"contrast": 0.25}


def test_the_same_cuboids_may_be_written_into_the_config(project_of):
    cuboid = {"shape": list(SHAPE), "voxel_size": [5, 3, 3]}
    assert project_of(cuboid=cuboid).config.cuboid.to_dict() == cuboid


def test_a_model_may_be_named_by_its_description(project_of, tmp_path):
    arms = {"one": {"model": str(tmp_path / "model" / "model.json")}}
    assert project_of(arms=arms).models["one"].path == str(tmp_path / "model")


@pytest.mark.parametrize("by", ["name", "version", "file"])
def test_a_model_may_be_a_release(project_of, tmp_path, monkeypatch, by):
    monkeypatch.setenv("CELLSIFT_MODELS", str(tmp_path / "published"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    file = publish(tmp_path, "published")
    named = {"name": "lab-2026", "version": "lab-2026@1.0.0", "file": str(file)}[by]
    (model,) = project_of(arms={"one": {"model": named}}).models.values()
    assert model.shape == SHAPE
    assert Path(model.path).is_relative_to(tmp_path / "cache")


def publish(folder: Path, index: str, version: str = "1.0.0") -> Path:
    """Put a release of the model lab-2026 into an index in the folder; return its file."""
    content = folder / f"content-{version}"
    (content / "models").mkdir(parents=True)
    write_model(content / "models" / "arm")
    release = Release("lab-2026", version, "arm", "of a lab", members_of(content))
    file = write_archive(release, content, folder / release.file_name)
    add_to_index(folder / index, release, file)
    return file


@pytest.mark.parametrize("elsewhere", [False, True])
def test_the_config_names_the_index_and_comes_first(project_of, tmp_path, monkeypatch, elsewhere):
    monkeypatch.delenv("CELLSIFT_MODELS", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    publish(tmp_path, "published", "1.0.0")
    if elsewhere:
        publish(tmp_path, "others", "2.0.0")
        monkeypatch.setenv("CELLSIFT_MODELS", str(tmp_path / "others"))
    named = {"one": {"model": "lab-2026"}}
    (model,) = project_of(arms=named, models=str(tmp_path / "published")).models.values()
    assert "1.0.0" in model.path
    assert model.shape == SHAPE


def test_an_index_behind_an_address_is_asked(project_of, tmp_path, monkeypatch, server):
    monkeypatch.delenv("CELLSIFT_MODELS", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    publish(tmp_path, "published")
    address = f"http://127.0.0.1:{server.server_port}/published"
    (model,) = project_of(arms={"one": {"model": "lab-2026@1.0.0"}}, models=address).models.values()
    assert model.shape == SHAPE


def test_an_index_that_is_not_there_is_refused(project_of, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with pytest.raises(InputError, match=r"one\.yaml, model: .*nowhere.*no index of releases"):
        project_of(arms={"one": {"model": "lab-2026"}}, models=str(tmp_path / "nowhere"))


def test_a_release_that_is_not_there_is_refused_with_the_arm(project_of, tmp_path, monkeypatch):
    monkeypatch.delenv("CELLSIFT_MODELS", raising=False)
    with pytest.raises(InputError, match=r"one\.yaml, model: lab-2026@2\.0\.0: .*CELLSIFT_MODELS"):
        project_of(arms={"one": {"model": "lab-2026@2.0.0"}})


def test_annotated_test_brains_alone_are_fine_and_so_are_train_brains(project_of):
    assert project_of(TEST).brains["t"].annotated
    assert project_of(ROW, OTHER).trained == []


def test_no_cell_has_to_be_annotated_where_there_are_no_folds(project_of, tmp_path):
    (tmp_path / "a.csv").write_text("z,y,x\n1,2,3\n")
    row = ROW | {"cells": str(tmp_path / "a.csv")}
    refuse_few(project_of(row))
    with pytest.raises(InputError, match="3 folds need at least"):
        refuse_few(project_of(row, arms={"two": {"architecture": "resnet"}}))


BOTH_WAYS = "file in its column cells, or let all arms be finished models"


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"arms": {"two": {"architecture": "resnet"}}}, f"two is to be trained.*{BOTH_WAYS}"),
        ({"detection": {"method": "auto"}}, "auto searches on annotated train.*name a method"),
        (
            {"detection": DETECTION | {"keep": {"recall": 0.9}}},
            "keep chooses.*remove keep, or name the contr",
        ),
        ({"cuboid": {"shape": [12, 19, 19]}}, r"write cuboid: {shape: \[12, 17, 17\], voxel_size:"),
    ],
)
def test_what_needs_a_train_brain_or_other_cuboids_is_refused(project_of, config, said):
    with pytest.raises(InputError, match=said):
        project_of(**config)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"architecture": "resnet"}, "architecture says nothing to a finished model"),
        ({"options": {"depth": 18}}, "options says nothing to a finished model"),
        ({"training": {"epochs": 3}}, "training says nothing to a finished model"),
        ({"search": {"trials": 3}}, "search says nothing to a finished model"),
        ({"model": "nowhere"}, "nowhere: is no path that exists, and there is no index"),
        ({"model": "no/where"}, "where does not exist; give the folder of a trained arm"),
        ({"model": "~none/model"}, "does not exist"),
        ({"threshold": 2}, "threshold: 2"),
    ],
)
def test_an_arms_file_that_makes_no_sense_is_refused(project_of, tmp_path, more, said):
    with pytest.raises(InputError, match=said):
        project_of(arms={"one": {"model": str(tmp_path / "model")} | more})


def test_a_threshold_is_that_of_a_finished_model(project_of):
    with pytest.raises(InputError, match="write threshold into the config"):
        project_of(ROW, arms={"one": {"architecture": "resnet", "threshold": 0.5}})


def test_an_arm_has_an_architecture_or_a_model(project_of):
    with pytest.raises(InputError, match="'architecture' is missing; add it, or give a finished"):
        project_of(ROW, arms={"one": {"description": "nothing"}})


@pytest.mark.parametrize("row", [ROW, TEST])
@pytest.mark.parametrize("key", ["brains", "judged_on", "earlier_brains"])
def test_a_model_that_has_learnt_from_a_brain_is_not_judged_on_it(project_of, tmp_path, row, key):
    write_model(tmp_path / "model", **{key: [row["brain"]]})
    with pytest.raises(InputError, match="has learnt from brain .*give it the role predict"):
        project_of(row)
    assert project_of(row | {"role": "predict", "cells": ""}).models


def test_two_models_of_other_cuboids_are_refused_together(project_of, tmp_path):
    write_model(tmp_path / "other", shape=(12, 19, 19))
    arms = {name: {"model": str(tmp_path / name)} for name in ("model", "other")}
    with pytest.raises(InputError, match="all arms of a config see the same; give each"):
        project_of(arms=arms)


def test_members_and_teachers_are_trained_arms(project_of, tmp_path):
    given = {"model": str(tmp_path / "model")}
    plain = {"architecture": "resnet", "options": NARROW}
    made = {"architecture": "ensemble", "options": {"members": ["one", "two"]}}
    with pytest.raises(InputError, match="has no out-of-fold scores to weigh it by"):
        project_of(ROW, arms={"one": given, "two": plain, "both": made})
    taught = {"architecture": "deit3d", "training": {"teacher": "one"}}
    with pytest.raises(InputError, match="is a finished model, which has no network for each fold"):
        project_of(ROW, arms={"one": given, "taught": taught})


def test_what_the_run_writes_itself_is_no_source(project_of, tmp_path):
    results = tmp_path / "results"
    (results / "models").mkdir(parents=True)
    write_model(results / "models" / "one")
    arms = {"one": {"model": str(results / "models" / "one")}}
    with pytest.raises(InputError, match="is what this run writes for arm one; copy it"):
        project_of(arms=arms, results=str(results))
    assert project_of(arms=arms, results=str(tmp_path / "others")).models


def spoil(folder: Path, file: str, **changes) -> None:
    content = json.loads((folder / file).read_text()) | changes
    (folder / file).write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("file", "changes", "said"),
    [
        ("model.json", {"members": {"a": 1}}, "is an ensemble, which has no network of its own"),
        ("model.json", {"folds": ["../fold-0.json"]}, "has to list the names of files beside it"),
        ("model.json", {"threshold": 7}, "no description of trained models|from 0 to 1"),
        ("fold-1.json", {"in_channels": 2}, "lists networks for different cuboids"),
        ("fold-0.json", {"cuboid": None}, "does not say which cuboids its network takes"),
        ("fold-0.json", {"architecture": "unheard_of"}, "'unheard_of' is not known"),
    ],
)
def test_a_folder_that_is_no_model_is_refused(project_of, tmp_path, file, changes, said):
    spoil(tmp_path / "model", file, **changes)
    with pytest.raises(InputError, match=said):
        project_of()


def test_a_folder_without_its_weights_is_refused(project_of, tmp_path):
    (tmp_path / "model" / "fold-1.safetensors").unlink()
    with pytest.raises(InputError, match="fold-1.safetensors does not exist; copy the whole"):
        project_of()


def test_channels_have_to_be_the_brains(project_of, tmp_path):
    with_background = OTHER | {"background": "c.tif"}
    check_networks(project_of())
    with pytest.raises(InputError, match="takes the signal alone, but the brains have a backg"):
        check_networks(project_of(with_background))
    write_model(tmp_path / "model", channels=2)
    check_networks(project_of(with_background))
    with pytest.raises(InputError, match="takes signal and background, but the brains have no"):
        check_networks(project_of())


def test_a_model_that_changed_is_checked_again(project_of, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    check_networks_once(project_of())
    write_model(tmp_path / "model", channels=2)
    with pytest.raises(InputError, match="takes signal and background"):
        check_networks_once(project_of())
