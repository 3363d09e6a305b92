"""A comparison as an MLflow file store: everything a person would look for is in it."""

import os
import sys

import pandas as pd
import pytest
from synthetic_results import FOLDS, SKILL, make_results

from cellsift.configuration import Arm
from cellsift.errors import InputError
from cellsift.tracking import SETTINGS, write_mlflow


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return make_results(tmp_path_factory.mktemp("tracked"), cells=20).folder


@pytest.fixture
def arms() -> list[Arm]:
    return [Arm(name, "resnet", {"depth": 18}, {"epochs": 3}) for name in SKILL]


def test_every_arm_and_fold_is_a_run(results, arms, tmp_path, monkeypatch):
    environment = dict(os.environ)
    write_mlflow(results, arms, tmp_path / "store")
    assert os.environ == environment
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    from mlflow import MlflowClient

    client = MlflowClient((tmp_path / "store").as_uri())
    experiment = client.get_experiment_by_name("cellsift")
    runs = {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}
    assert len(runs) == len(SKILL) * (1 + FOLDS)
    assert {run.info.status for run in runs.values()} == {"FINISHED"}
    assert experiment.artifact_location == (tmp_path / "store" / "artifacts").as_uri()
    arm = runs["resnet_narrow"]
    assert arm.data.params == {"architecture": "resnet", "depth": "18", "epochs": "3"}
    table = pd.read_csv(results / "evaluation" / "end_to_end.csv").set_index(
        ["arm", "brain", "metric"]
    )
    recall = table.loc[("resnet_narrow", "mouse_c", "recall"), "value"]
    assert arm.data.metrics["mouse_c/end_to_end/recall"] == recall
    fold = runs["resnet_narrow fold-1"]
    assert fold.data.tags["mlflow.parentRunId"] == arm.info.run_id
    history = pd.read_csv(results / "training" / "resnet_narrow" / "fold-1" / "history.csv")
    curve = client.get_metric_history(fold.info.run_id, "validation_loss")
    assert [point.step for point in curve] == history["epoch"].tolist()
    assert [point.value for point in curve] == history["validation_loss"].tolist()


def test_a_failure_leaves_nothing(results, arms, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(InputError, match="mlflow-skinny is not installed"):
        write_mlflow(results, arms, tmp_path / "store")
    assert list(tmp_path.iterdir()) == []
