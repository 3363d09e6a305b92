"""The config that people copy for their own data."""

import re
import shutil
from pathlib import Path

import jsonschema
import pytest
import yaml

from cellsift.project.network_checks import check_networks
from cellsift.project.reading import load_project, read_project
from cellsift.settings.files import SCHEMAS, read_yaml

# What the demo needs to be quick, and real data do not.
OF_THE_DEMO = {"epochs", "batch_size", "learning_rate", "augmentation", "n_sds_above_mean_thresh"}


@pytest.fixture
def config(repository) -> Path:
    return repository / "config" / "start.yaml"


def copied(config: Path, folder: Path) -> dict:
    """The config as it stands after the two files are copied as it says."""
    shutil.copy(config, folder / "mine.yaml")
    content = yaml.safe_load((folder / "mine.yaml").read_text())
    shutil.copy(config.with_suffix(".tsv"), folder / content["brains_table"])
    return content


def test_copied_as_it_says_it_is_a_project(config, tmp_path):
    copied(config, tmp_path)
    project = read_project(tmp_path / "mine.yaml", tmp_path)
    check_networks(project)
    assert project.config.detection.method == "auto"
    jsonschema.validate(read_yaml(config), read_yaml(SCHEMAS / "config.schema.yaml"))


def test_but_for_the_choice_of_detection_it_is_one_already(config, tmp_path):
    content = copied(config, tmp_path) | {"detection": {"method": "dog"}}
    project = load_project(content, tmp_path)
    check_networks(project)
    assert {brain.role for brain in project.brains.values()} == {"train", "test", "predict"}
    # Else folds are blocks, which do not tell counts how brains differ.
    assert len(project.brains_of("train", annotated=True)) >= project.config.training.folds
    jsonschema.validate(content, read_yaml(SCHEMAS / "config.schema.yaml"))


def test_it_has_nothing_of_the_demo(config):
    text = re.sub("#.*", "", config.read_text())
    assert not {word for word in OF_THE_DEMO if word in text}
    assert "phantom" not in text
    # What make try detects lies where the whole run looks for it.
    assert yaml.safe_load(text)["results"] != "results"


def test_every_value_is_explained(config):
    """Each key of the config follows a comment."""
    keys = re.findall(r"(.*)\n(\w+):", config.read_text())
    assert len(keys) >= 7
    assert all(before.startswith("#") for before, _ in keys)
