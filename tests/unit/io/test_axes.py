import ast

import numpy as np
import pytest

from cellsift.io.axes import per_axis


@pytest.mark.parametrize("numbers", [[5.0, 2.0, 1.5], np.array([5.0, 2.0, 1.5])])
def test_three_numbers_become_a_tuple(numbers):
    assert per_axis(numbers) == (5.0, 2.0, 1.5)


@pytest.mark.parametrize("numbers", [[], [5.0, 2.0], [1, 5, 2, 2]])
def test_other_counts_are_refused(numbers):
    with pytest.raises(ValueError, match="values to unpack"):
        per_axis(numbers)


def test_the_axes_are_listed_in_one_place(repository):
    package = repository / "scripts" / "cellsift"
    listed = {path for path in package.rglob("*.py") if lists_axes(ast.parse(path.read_text()))}
    assert listed == {package / "io" / "axes.py"}


def lists_axes(module: ast.Module) -> bool:
    """Whether a module spells z, y, x one after the other, as one text or as several."""
    for node in ast.walk(module):
        elements = getattr(node, "elts", [])
        values = [part.value for part in elements if isinstance(part, ast.Constant)]
        if values[:3] == list("zyx") or isinstance(node, ast.Constant) and node.value == "zyx":
            return True
    return False
