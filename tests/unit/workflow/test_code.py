"""Jobs run again where code that they reach was edited, and nowhere else."""

import ast
import json
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from cellsift.detection import detector_module, list_detectors
from cellsift.models import architecture_module, list_models
from cellsift.workflow import code
from cellsift.workflow.code import code_of, modules_of
from rule_texts import text_of_rules

SCRIPTS = code.SCRIPTS
REPORTS = SCRIPTS.parent / "reports"
PACKAGE = sorted((SCRIPTS / "cellsift").rglob("*.py"))
ADAPTERS = sorted(p.stem for p in SCRIPTS.glob("*.py") if p.stem != "run")
# What hashes are asked of: adapters, some with what their jobs find by a name.
ROOTS = [
    *((name,) for name in ADAPTERS),
    *(("train", architecture_module(name)) for name in list_models()),
    *(("detect_slab", detector_module(name)) for name in list_detectors()),
    *((f"report_{page}", str(REPORTS / f"{page}.ipynb")) for page in ("brain", "index")),
]


class WithoutTypeChecking(ast.NodeTransformer):
    """Takes what is imported for type checking alone out of a module."""

    def visit_If(self, node):
        return node.orelse if ast.unparse(node.test) == "TYPE_CHECKING" else node


def files_behind(paths: list[Path]) -> set[Path]:
    """The files of the package that these import, found by the names of files alone."""
    waiting, found = list(paths), set()
    while waiting:
        new = files_imported_by(waiting.pop()) - found
        found |= new
        waiting += new
    return found


@cache
def files_imported_by(path: Path) -> set[Path]:
    found = set()
    for node in ast.walk(WithoutTypeChecking().visit(ast.parse(source_of(path)))):
        if isinstance(node, ast.Import | ast.ImportFrom):
            of = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
            found = found.union(*(files_named(of + alias.name) for alias in node.names))
    return found


def files_named(name: str) -> set[Path]:
    """The modules that Python runs to import a name of the package; none of its workflow room."""
    parts = name.split(".")
    if parts[0] != "cellsift" or parts[1:2] == ["workflow"]:
        return set()
    paths = [SCRIPTS.joinpath(*parts[:count]) for count in range(2, len(parts) + 1)]
    named = {path / "__init__.py" for path in paths} | {p.with_suffix(".py") for p in paths}
    return {path for path in named if path.is_file()}


def source_of(path: Path) -> str:
    if path.suffix != ".ipynb":
        return path.read_text()
    cells = json.loads(path.read_text())["cells"]
    return "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "code")


def module_named(path: Path) -> str:
    """A file of the package by its module's name."""
    parts = path.relative_to(SCRIPTS).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def files_of(roots: tuple[str, ...]) -> list[Path]:
    """The files of an adapter, and of modules and notebooks."""
    more = [p if p.endswith(".ipynb") else f"{p.replace('.', '/')}.py" for p in roots[1:]]
    return [SCRIPTS / f"{roots[0]}.py", *(SCRIPTS / path for path in more)]


def hashes() -> dict[tuple[str, ...], str]:
    """The hashes of all roots, of what lies on the disk now."""
    code_of.cache_clear()
    return {roots: code_of(*roots) for roots in ROOTS}


@pytest.fixture
def copied(tmp_path, monkeypatch) -> Path:
    """A copy of the scripts, of which hashes are taken."""
    folder = tmp_path / "scripts"
    shutil.copytree(SCRIPTS, folder, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    monkeypatch.setattr(code, "SCRIPTS", folder)
    monkeypatch.setattr(code, "ADAPTERS", folder)
    yield folder
    code_of.cache_clear()


def test_an_edit_of_any_module_changes_the_hashes_of_those_that_reach_it_alone(copied, monkeypatch):
    behind = {roots: files_behind(files_of(roots)) | set(files_of(roots)[1:]) for roots in ROOTS}
    digest = code._digest.__wrapped__
    digests = {path: digest(module_named(path)) for path in PACKAGE}
    of_module = {module_named(path): digest for path, digest in digests.items()}
    monkeypatch.setattr(code, "_digest", of_module.__getitem__)
    before = hashes()
    for path in PACKAGE:
        edited = copied / path.relative_to(SCRIPTS)
        edited.write_bytes(edited.read_bytes() + b"# edited")
        of_module[module_named(path)] = digest(module_named(path))
        now = hashes()
        of_module[module_named(path)] = digests[path]
        changed = {roots for roots in ROOTS if now[roots] != before[roots]}
        assert changed == {roots for roots in ROOTS if path in behind[roots]}, path
    assert len(PACKAGE) > 100
    assert hashes() == before


def test_what_only_shows_how_a_job_goes_decides_nothing():
    for roots in ROOTS:
        assert not {name for name in modules_of(*roots) if name.startswith("cellsift.workflow")}


@pytest.mark.parametrize("name", ADAPTERS)
def test_no_adapter_reaches_what_is_found_by_a_name(name):
    """Or an edit of one architecture would train them all anew."""
    assert not {architecture_module(name) for name in list_models()} & modules_of(name)


@pytest.mark.parametrize("architecture", list_models())
def test_of_architectures_only_the_own_family_counts(architecture):
    own = architecture_module(architecture)
    others = {architecture_module(name) for name in list_models()} - modules_of(own)
    assert own in modules_of("train", own)
    assert not others & modules_of("train", own)
    assert len(others) > 8


def test_of_detectors_only_the_own_counts():
    other = detector_module("cellfinder")
    for name in ADAPTERS:
        assert other not in modules_of(name, detector_module("dog"))
    assert other in modules_of("detect_slab", other)


@pytest.mark.parametrize(
    ("roots", "module"),
    [
        (("report_brain", str(REPORTS / "brain.ipynb")), "cellsift.evaluation.outcomes"),
        (("report_index", str(REPORTS / "index.ipynb")), "cellsift.reporting.verdict"),
        (("check_volumes", detector_module("cellfinder")), "cellsift.detection.dark_tiles"),
        (("check_volumes",), "cellsift.io.tiff_pages"),
        (("train",), "cellsift.training.augmentation"),
        (("train",), "cellsift.models"),
    ],
)
def test_what_is_imported_from_afar_counts(roots, module):
    assert "cellsift" not in modules_of(*roots), "a release would run everything again"
    assert module in modules_of(*roots)


def test_a_module_that_moved_into_a_folder_still_counts(tmp_path):
    """Of a copy, in a process of its own: who imports whom is read once for each process."""
    scripts = tmp_path / "scripts"
    shutil.copytree(SCRIPTS, scripts, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    labels = scripts / "cellsift" / "labels"
    moved = labels / "dealing" / "folds.py"
    moved.parent.mkdir()
    (moved.parent / "__init__.py").touch()
    (labels / "folds.py").rename(moved)
    for path in scripts.rglob("*.py"):
        text = path.read_text()
        path.write_text(text.replace("cellsift.labels.folds", "cellsift.labels.dealing.folds"))
    hashes = []
    for edit in ("", "# edited"):
        moved.write_text(moved.read_text() + edit)
        asked = "from cellsift.workflow.code import code_of; print(code_of('folds'))"
        done = subprocess.run(
            [sys.executable, "-c", asked], cwd=scripts, env={}, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        hashes.append(done.stdout)
    assert hashes[0] != hashes[1]


def test_a_notebook_with_a_cell_that_is_no_python_counts_with_the_others(tmp_path):
    cells = ["%matplotlib inline", "from cellsift.reporting.run_results import RunResults"]
    cells = [{"cell_type": "code", "source": [source]} for source in cells]
    notebook = tmp_path / "page.ipynb"
    notebook.write_text(json.dumps({"cells": cells}))
    assert "cellsift.reporting.run_results" in modules_of(str(notebook))


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b"\xff", b'{"cells": [1]}'])
def test_a_broken_notebook_is_left_to_those_who_make_its_page(tmp_path, content):
    """Or it would end a run in which nothing else needs it."""
    notebook = tmp_path / "page.ipynb"
    notebook.write_bytes(content)
    assert code_of("report_brain", str(notebook)) == code_of("report_brain")


def test_a_name_of_nothing_is_refused():
    with pytest.raises(ValueError, match="'treat' is no adapter, module or notebook"):
        code_of("treat")
    # This room decides nothing: to ask for it is a mistake.
    with pytest.raises(ValueError, match="is no adapter"):
        code_of("cellsift.workflow.job")


def test_every_rule_names_its_own_script(repository):
    """A rule that is made of another has its script."""
    for name, text in text_of_rules(repository).items():
        script = re.search(r"scripts/(\w+)\.py", text)
        if script:
            assert re.search(r"code=code\(\s*\"(\w+)\"", text)[1] == script[1], name
        else:
            assert "code" not in text


def test_a_rule_that_finds_modules_by_a_name_names_them(repository):
    """No import reaches an architecture or a detector: the rule has to say which it takes."""
    found_by = {
        "cellsift.models.registry": (
            "modules_of_networks",
            "modules_of_pretraining",
            "modules_of_released",
        ),
        "cellsift.detection.registry": ("modules_of_detector", "modules_of_any_detector"),
    }
    asked = {registry: set() for registry in found_by}
    for name, text in text_of_rules(repository).items():
        given = re.search(r"code=code\((.*?)\),\n", text, flags=re.DOTALL)
        reached = modules_of(*re.findall(r'"([a-z_]+)"', given[1])) if given else set()
        for registry, functions in found_by.items():
            if registry in reached:
                asked[registry].add(name)
                assert any(function in given[1] for function in functions), name
    assert asked["cellsift.models.registry"] >= {"train", "classify", "cost", "explain"}
    assert asked["cellsift.detection.registry"] >= {"detect", "check_volumes"}
