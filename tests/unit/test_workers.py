"""Tests that share what is costly are done by one worker, and others by whichever is free."""

import ast
from pathlib import Path

import pytest

from workers import APART, BY_PARAMETER, FIRST, rank, unit_of


def test_a_file_stays_together_unless_its_tests_share_nothing():
    file = "tests/slurm/test_slurm.py"
    assert unit_of(f"{file}::test_a[gpu: 1]") == unit_of(f"{file}::test_b") == file
    runs = "tests/workflow/test_runs.py::"
    assert unit_of(f"{runs}test_a[1]") != unit_of(f"{runs}test_a[2]")


def test_an_architecture_stays_together():
    first, second = f"{BY_PARAMETER}::test_a[1-shape0-vit3d]", f"{BY_PARAMETER}::test_b[vit3d]"
    assert unit_of(first) == unit_of(second) != unit_of(second.replace("vit", "deit"))


def test_whole_runs_are_first():
    tests = ["tests/unit/io/test_axes.py::test_a", "tests/workflow/test_runs.py::test_a"]
    tests += ["tests/workflow/test_odd_folders.py::test_a", "tests/slurm/test_slurm.py::test_a"]
    assert sorted(tests, key=rank) == tests[::-1]


@pytest.mark.parametrize("path", sorted({*APART, BY_PARAMETER, *FIRST}))
def test_what_is_named_is_there(path, repository: Path):
    assert (repository / path).exists()


@pytest.mark.parametrize("file", sorted(APART))
def test_what_is_made_for_a_whole_file_that_is_divided_is_made_within_moments(file, repository):
    """Each worker makes it: no run, no training, no detection."""
    tree = ast.parse((repository / file).read_text())
    shared = [
        node
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
        and any("scope=" in ast.unparse(d) for d in node.decorator_list)
    ]
    for fixture in shared:
        assert ".run(" not in ast.unparse(fixture).replace("subprocess.run(", ""), fixture.name
