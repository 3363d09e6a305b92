"""The per-rule environments: pinned as in constraints.txt, and sufficient for their rules."""

import ast
import json
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from cellsift.errors import InputError
from cellsift.workflow.environments import PYTHONS, environment_for

ENVIRONMENTS = ("volumes", "detection", "networks", "report", "tracking", "release")
# Imports inside functions that no job calls, by the module that has them.
NEVER_CALLED = {
    # Tells the device only where torch is.
    "cellsift.preflight.volumes": {"torch"},
}
# Preflight checks the parameters of detection, but detects nothing.
NEVER_CALLED_IN = {
    "volumes": {
        "cellsift.detection.ball_filter": {"torch", "cellfinder"},
        "cellsift.detection.cellfinder": {"cellfinder"},
        "cellsift.detection.contrast": {"torch"},
        "cellsift.detection.filters": {"torch"},
        "cellsift.detection.resources": {"torch"},
        "cellsift.detection.splitting": {"torch", "cellfinder"},
    }
}
# What packages load by name, and the name of a package that is not installed here.
ALSO = {
    "tifffile": {"imagecodecs"},
    "torch.utils.tensorboard": {"tensorboard"},
    "zarr": {"aiohttp", "fsspec"},
}
DISTRIBUTIONS = packages_distributions() | {"mlflow": ["mlflow-skinny"]}


HERE = "{}.{}".format(*sys.version_info)
A_PIN = r'[A-Za-z0-9_.-]+==[0-9][A-Za-z0-9.]*( ; python_version (<|>=|==) "3\.\d+")?'


def pins(lines, python: str = HERE) -> dict[str, str]:
    """The pinned version of each package under this Python; ValueError for one pinned twice."""
    found = {}
    for line in lines:
        pin = Requirement(line) if "==" in line else None
        if pin and (not pin.marker or pin.marker.evaluate({"python_version": python})):
            if normal(pin.name) in found:
                raise ValueError(f"{pin.name} is pinned twice for Python {python}")
            found[normal(pin.name)] = str(pin.specifier).removeprefix("==")
    return found


def pinned(repository: Path, python: str = HERE) -> dict[str, str]:
    lines = (repository / "constraints.txt").read_text().splitlines()
    return pins([line for line in lines if not line.startswith("#")], python)


def normal(name: str) -> str:
    return name.lower().replace("_", "-")


def dependencies(repository: Path, name: str) -> tuple[list[str], list[str]]:
    """What an environment asks conda for, and what it asks pip for."""
    content = yaml.safe_load((repository / "envs" / f"{name}.yaml").read_text())
    (pip,) = [part["pip"] for part in content["dependencies"] if isinstance(part, dict)]
    return [part for part in content["dependencies"] if isinstance(part, str)], pip


def pip_part(repository: Path, name: str, python: str = HERE) -> dict[str, str]:
    return pins(dependencies(repository, name)[1], python)


def rules(repository: Path) -> list[tuple[str, list[str]]]:
    """Of each rule the environment, and what runs in it: a script, and a notebook if it has one."""
    text = "".join(p.read_text() for p in sorted((repository / "workflow/rules").glob("*.smk")))
    parts = re.split(r"^rule ", text, flags=re.MULTILINE)[1:]
    return [
        (
            re.search(r"environment\(\"(\w+)\"\)", part)[1],
            re.findall(r"scripts/\w+\.py|reports/\w+\.ipynb", part),
        )
        for part in parts
    ]


def code_of(path: Path) -> ast.Module:
    text = path.read_text()
    if path.suffix == ".ipynb":
        cells = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
        text = "\n".join("".join(cell["source"]) for cell in cells)
    return ast.parse(text)


def imports(code: ast.Module) -> Iterator[tuple[str, bool]]:
    """Names that are imported, and whether this waits for a call."""
    for node in ast.walk(code):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        yield from ((name, node not in code.body) for name in names)


def within(name: str, packages: set[str]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def modules(name: str, scripts: Path) -> Iterator[tuple[str, Path]]:
    """The module of this name, if it is cellsift's own, and the packages that it is in."""
    parts = name.split(".")
    for end in range(1, len(parts) + 1):
        place = scripts.joinpath(*parts[:end])
        for path in (place.with_suffix(".py"), place / "__init__.py"):
            if path.exists():
                yield ".".join(parts[:end]), path


class WhatRuns(ast.NodeTransformer):
    """A module less what only type checkers read."""

    def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt]:
        return node.orelse if ast.unparse(node.test) == "TYPE_CHECKING" else node


def needed(
    name: str, path: Path, scripts: Path, left_out: dict[str, set[str]], seen: set[Path]
) -> set[str]:
    """Names of foreign modules that a file imports, itself or through cellsift's own modules."""
    if path in seen:
        return set()
    seen.add(path)
    code, found = WhatRuns().visit(code_of(path)), set()
    names = {
        imported
        for imported, waits in imports(code)
        if not (waits and within(imported, left_out.get(name, set())))
    }
    if "import_module" in {node.attr for node in ast.walk(code) if isinstance(node, ast.Attribute)}:
        package = name.rpartition(".")[0]
        names |= {f"{package}.{sibling.stem}" for sibling in path.parent.glob("*.py")}
    for imported in names:
        if within(imported, {"cellsift"}):
            for module, file in modules(imported, scripts):
                found |= needed(module, file, scripts, left_out, seen)
        else:
            found.add(imported)
    return found


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_pins_are_those_of_the_constraints(repository, name, python):
    wanted = pinned(repository, python)
    for line in dependencies(repository, name)[1]:
        assert re.fullmatch(A_PIN, line), line
    part = pip_part(repository, name, python)
    assert len(part) >= len(pip_part(repository, name, "3.11"))
    for package, version in part.items():
        assert wanted[package] == version, package


def test_every_package_is_pinned_for_every_python(repository):
    """pip takes whatever is newest for one that is not: a package is pinned for all or for none."""
    everywhere = {python: set(pinned(repository, python)) for python in PYTHONS}
    assert len(everywhere["3.11"]) > 200
    assert all(found == everywhere["3.11"] for found in everywhere.values())


def test_cellfinder_is_the_newest_that_each_python_can_have(repository):
    """From 1.11 on it, and what it comes with, want 3.12."""
    for package, old, new in (
        ("cellfinder", "1.10.1", "1.11.0"),
        ("brainglobe-utils", "0.11.2", "0.11.3"),
        ("brainglobe-atlasapi", "3.0.2", "3.0.3"),
    ):
        found = [pinned(repository, python)[package] for python in ("3.11", "3.12", "3.13")]
        assert found == [old, new, new], package


def test_the_project_says_which_pythons_it_is_for(repository):
    project = tomllib.loads((repository / "pyproject.toml").read_text())["project"]
    wanted = SpecifierSet(project["requires-python"])
    assert [minor for minor in range(8, 20) if f"3.{minor}.1" in wanted] == [11, 12, 13]
    assert PYTHONS == ("3.11", "3.12", "3.13")


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_an_environment_has_the_python_that_runs_snakemake(repository, name, tmp_path):
    """A rule's script loads Snakemake's own modules too: another Python could not."""
    source = repository / "envs" / f"{name}.yaml"
    assert environment_for(source, tmp_path, "3.11") == source
    for python in ("3.12", "3.13"):
        made = environment_for(source, tmp_path, python)
        assert made.read_text() == source.read_text().replace("python=3.11", f"python={python}")
        assert f"python={python}" in yaml.safe_load(made.read_text())["dependencies"]
        written = made.stat().st_mtime_ns
        assert environment_for(source, tmp_path, python).stat().st_mtime_ns == written


def test_there_is_no_environment_for_an_untried_python(repository, tmp_path):
    with pytest.raises(InputError, match=r"under Python 3\.14.*3\.11, 3\.12, 3\.13"):
        environment_for(repository / "envs" / "volumes.yaml", tmp_path, "3.14")


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_conda_can_read_what_it_is_asked_for(repository, name):
    asked, _ = dependencies(repository, name)
    assert "python=3.11" in asked
    rattler = pytest.importorskip("rattler")
    for spec in asked:
        rattler.MatchSpec(spec, strict=True)


def test_every_rule_has_an_environment(repository):
    text = "".join(p.read_text() for p in (repository / "workflow/rules").glob("*.smk"))
    assert {name for name, _ in rules(repository)} == set(ENVIRONMENTS)
    assert len(rules(repository)) == len(re.findall(r"^rule ", text, flags=re.MULTILINE))


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_an_environment_has_what_its_rules_import(repository, name):
    given = pip_part(repository, name)
    left_out = NEVER_CALLED | NEVER_CALLED_IN.get(name, {})
    files = {repository / file for env, files in rules(repository) if env == name for file in files}
    assert files
    for file in files:
        names = needed(file.stem, file, repository / "scripts", left_out, set())
        packages = {imported.split(".")[0] for imported in names} - set(sys.stdlib_module_names)
        for module, more in ALSO.items():
            packages |= more if module in names else set()
        for package in packages:
            known = {normal(d) for d in DISTRIBUTIONS.get(package, [package])}
            assert known & set(given), f"{file} needs {package}, which envs/{name}.yaml lacks"


def test_torchvision_stays_absent(repository):
    """No build of it fits the CPU build of torch; where it is installed, imports fail."""
    assert not any("torchvision" in pinned(repository, python) for python in PYTHONS)
