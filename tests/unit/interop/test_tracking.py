"""A comparison as an MLflow file store; tests/workflow/test_conda.py reads one back."""

import sys

import pytest
from synthetic_results import SKILL, make_results

from cellsift.errors import InputError
from cellsift.settings.arms import Arm
from cellsift.settings.recipe import Recipe
from cellsift.steps.track import track


def test_where_mlflow_is_missing_it_says_so_and_leaves_nothing(tmp_path, monkeypatch):
    results = make_results(tmp_path / "made", cells=20).folder
    arms = [Arm(name, "resnet", {"depth": 18}, Recipe(epochs=3)) for name in SKILL]
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(InputError, match="mlflow-skinny is not installed"):
        track(results, arms, tmp_path / "store")
    assert [path.name for path in tmp_path.iterdir()] == ["made"]
