"""What developers are told, and what checks their work, agree with the project."""

import re
import tomllib
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

import cellsift


@pytest.fixture
def text(repository) -> str:
    return (repository / "CONTRIBUTING.md").read_text()


def targets(repository: Path) -> dict[str, str]:
    """The targets of the Makefile with what each does."""
    text = (repository / "Makefile").read_text()
    return dict(re.findall(r"^([a-z-]+):[^\n=]*\n((?:\t[^\n]*\n)+)", text, flags=re.MULTILINE))


def test_the_rooms_in_the_table_are_those_that_are_checked(repository, text):
    rows = re.findall(r"^\| (`[^|]*`) \|", text, flags=re.MULTILINE)
    rows = [re.findall(r"`(\w+)(?:\.py|/)`", row) for row in rows]
    named = [name for row in rows for name in row]
    settings = tomllib.loads((repository / "pyproject.toml").read_text())["tool"]["importlinter"]
    layers = settings["contracts"][0]["layers"]
    assert sorted(named) == sorted(layers)
    # From the ground up in the table, from the roof down in the settings.
    floors = [[layers.index(name) for name in row] for row in rows]
    for lower, upper in pairwise(floors):
        assert min(lower) > max(upper)
    package = repository / "scripts" / "cellsift"
    found = {p.stem for p in package.iterdir() if not p.name.startswith("_")}
    assert found == set(named)


def test_commands_are_there(repository, text):
    workflow = (repository / ".github" / "workflows" / "test.yml").read_text()
    known = targets(repository)
    for page in (text, workflow):
        commands = re.findall(r"(?:^|`|run: )make ([a-z-]+)", page, flags=re.MULTILINE)
        assert commands
        assert set(commands) <= set(known)
    for path in re.findall(r"`(?:scripts|tests|workflow|config|envs|findings)/[^`]*`", text):
        name = re.sub(r"/?[A-Z]+\.(py|yaml)$", "", path.strip("`"))
        assert (repository / name).exists(), path
    for path in re.findall(r"pytest (\S+\.py)", text):
        assert (repository / path).is_file(), path


def test_hooks_are_the_checks_of_make_lint(repository):
    hooks = yaml.safe_load((repository / ".pre-commit-config.yaml").read_text())["repos"][0][
        "hooks"
    ]
    linted = re.findall(r"\$\(BIN\)/(.*)", targets(repository)["lint"])
    # What takes files is given those of the commit in the place of all.
    checks = {command.removesuffix(" .") for command in linted}
    assert {hook["entry"].removeprefix(".venv/bin/") for hook in hooks} == checks
    assert len(checks) == 6


def test_the_version_is_the_same_everywhere(repository):
    project = tomllib.loads((repository / "pyproject.toml").read_text())["project"]
    citation = yaml.safe_load((repository / "CITATION.cff").read_text())
    changes = (repository / "CHANGELOG.md").read_text()
    released = re.findall(r"^## (\d\S*)", changes, flags=re.MULTILINE)
    assert project["version"] == citation["version"] == cellsift.__version__ == released[0]


def test_the_workflow_catalogue_finds_what_it_asks_for(repository):
    usage = yaml.safe_load((repository / ".snakemake-workflow-catalog.yml").read_text())["usage"]
    assert usage["software-stack-deployment"]["conda"] is True
    for needed in ("workflow/Snakefile", "config/README.md", "README.md", "LICENSE"):
        assert (repository / needed).is_file()


def test_the_modules_that_findings_touch_exist(repository):
    text = (repository / "findings" / "README.md").read_text()
    named = re.findall(r"`([a-z_]+/[a-z_/]+\.py)`", text)
    assert len(named) > 5
    for path in named:
        assert (repository / "scripts" / "cellsift" / path).exists(), path
