"""The config's reference tells every parameter of every detector and every key of the recipe."""

import pytest
import yaml

from cellsift.detection import detector_defaults, detector_parameters, list_detectors
from cellsift.settings.files import SCHEMAS, read_yaml
from cellsift.settings.recipe import Recipe


def said(value: object) -> str:
    if value is None:
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value).lower()


def described(method: str) -> str:
    """The parameters of a detector as the reference lists them, in their order."""
    defaults = detector_defaults(method)
    rows = [
        f"| `{name}` | {said(defaults[name])} | {description} |"
        for name, description in detector_parameters(method).items()
    ]
    head = f"Parameters of `{method}`:\n\n| parameter | default | meaning |\n|---|---|---|\n"
    return head + "\n".join(rows) + "\n"


def listed_detectors(repository) -> str:
    text = (repository / "config" / "README.md").read_text()
    return text.split("<!-- detectors -->\n")[1].split("<!-- /detectors -->")[0]


@pytest.mark.parametrize("method", list_detectors())
def test_detector_parameters_are_listed_with_default_and_meaning(repository, method):
    """Where it fails, it shows what to write between the two comments."""
    assert described(method) in listed_detectors(repository)


def test_no_detector_is_listed_that_is_not_there(repository):
    assert listed_detectors(repository) == "\n".join(map(described, list_detectors()))


def test_every_key_of_the_recipe_is_listed(repository):
    text = (repository / "config" / "README.md").read_text()
    for name in Recipe.model_fields:
        assert f"| `{name}` |" in text


def test_every_key_of_a_pretraining_is_listed_with_its_default(repository):
    text = (repository / "config" / "README.md").read_text()
    schema = read_yaml(SCHEMAS / "pretraining.schema.yaml")
    for name, rule in schema["properties"].items():
        if isinstance(rule.get("default"), int | float) or rule.get("default"):
            assert f"| `{name}` | {said(rule['default'])} |" in text


@pytest.mark.parametrize("folder", ["arms", "pretraining"])
def test_every_arm_and_pretraining_is_listed_with_its_description(repository, folder):
    text = (repository / "config" / "README.md").read_text()
    for path in (repository / "config" / folder).glob("*.yaml"):
        description = yaml.safe_load(path.read_text())["description"]
        assert f"| `{path.stem}` | {description} |" in text
