"""The per-rule environments: pinned as in constraints.txt, and sufficient for their rules."""

import ast
import re
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml

ENVIRONMENTS = ("volumes", "detection", "networks", "report", "tracking")


def pins(lines) -> dict[str, str]:
    found = (line.strip().split("==") for line in lines if "==" in line)
    return {name.lower().replace("_", "-"): version for name, version in found}


def pip_part(repository: Path, name: str) -> dict[str, str]:
    content = yaml.safe_load((repository / "envs" / f"{name}.yaml").read_text())
    (pip,) = [part["pip"] for part in content["dependencies"] if isinstance(part, dict)]
    assert "python=3.11" in content["dependencies"]
    return pins(pip)


def rules(repository: Path) -> list[tuple[str, str]]:
    """Pairs of environment and script."""
    text = "".join(p.read_text() for p in sorted((repository / "workflow/rules").glob("*.smk")))
    parts = re.split(r"^rule ", text, flags=re.MULTILINE)[1:]
    return [
        (re.search(r"envs/(\w+)\.yaml", part)[1], re.search(r"scripts/(\w+\.py)", part)[1])
        for part in parts
    ]


def imported(path: Path, scripts: Path, seen: set[Path]) -> set[str]:
    """Top-level packages that a module needs as it is imported, through cellsift's own modules."""
    if path in seen or not path.exists():
        return set()
    seen.add(path)
    names = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    outside = {name.split(".")[0] for name in names if not name.startswith("cellsift")}
    for name in names:
        if name.startswith("cellsift"):
            place = scripts / name.replace(".", "/")
            for module in (place.with_suffix(".py"), place / "__init__.py"):
                outside |= imported(module, scripts, seen)
    return outside


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_pins_are_those_of_the_constraints(repository, name):
    wanted = pins((repository / "constraints.txt").read_text().splitlines())
    for package, version in pip_part(repository, name).items():
        assert wanted[package] == version, package


def test_every_rule_has_an_environment(repository):
    text = "".join(p.read_text() for p in (repository / "workflow/rules").glob("*.smk"))
    assert {name for name, _ in rules(repository)} == set(ENVIRONMENTS)
    assert len(rules(repository)) == len(re.findall(r"^rule ", text, flags=re.MULTILINE))


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_an_environment_has_what_its_rules_import(repository, name):
    given = pip_part(repository, name)
    scripts = repository / "scripts"
    distributions = packages_distributions()
    for environment, script in rules(repository):
        if environment != name:
            continue
        for package in imported(scripts / script, scripts, set()) - set(sys.stdlib_module_names):
            known = {d.lower().replace("_", "-") for d in distributions.get(package, [package])}
            assert known & set(given), f"{script} imports {package}, which envs/{name}.yaml lacks"


def test_torchvision_stays_absent(repository):
    """No build of it fits the CPU build of torch; where it is installed, imports fail."""
    assert "torchvision" not in pins((repository / "constraints.txt").read_text().splitlines())
