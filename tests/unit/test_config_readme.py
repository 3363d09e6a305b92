"""The config's reference tells every parameter of every detector and every key of the recipe."""

import pytest
import yaml

from cellsift.detection import detector_defaults, detector_parameters, list_detectors
from cellsift.training.recipe import DEFAULTS


def said(value: object) -> str:
    if value is None:
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value).lower()


@pytest.mark.parametrize("method", list_detectors())
def test_detector_parameters_are_listed_with_default_and_meaning(repository, method):
    text = (repository / "config" / "README.md").read_text()
    defaults = detector_defaults(method)
    for name, description in detector_parameters(method).items():
        assert f"| `{name}` | {said(defaults[name])} | {description} |" in text


def test_every_key_of_the_recipe_is_listed(repository):
    text = (repository / "config" / "README.md").read_text()
    for name in DEFAULTS:
        assert f"| `{name}` |" in text


def test_every_arm_is_listed_with_its_description(repository):
    text = (repository / "config" / "README.md").read_text()
    for path in (repository / "config" / "models").glob("*.yaml"):
        description = yaml.safe_load(path.read_text())["description"]
        assert f"| `{path.stem}` | {description} |" in text
