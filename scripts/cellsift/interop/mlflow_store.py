"""A comparison as an MLflow file store, for labs that keep their experiments there."""

import os
import time
from collections.abc import Iterable, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from cellsift.errors import InputError
from cellsift.io.atomic import atomic_folder
from cellsift.io.json_files import read_json
from cellsift.io.tables import read_table
from cellsift.results import Results
from cellsift.settings.arms import Arm

# The choices of MLflow's authors that would write to the network or refuse a store of files.
SETTINGS = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_ALLOW_FILE_STORE": "true"}


def write_mlflow(results: str | Path, arms: Iterable[Arm], store: str | Path) -> None:
    """Write all arms of a finished comparison to the folder `store`, whole or not at all.

    One run for each arm, with its options, recipe and measures on every annotated brain, and below
    it one run for each fold with the recipe it was trained by and its figures by epoch. Read it by
    `mlflow ui --backend-store-uri STORE`, with MLFLOW_ALLOW_FILE_STORE=true in the environment.
    """
    files, store = Results(results), Path(store).absolute()
    measures = {
        kind: read_table(files.evaluation(kind)) for kind in ("classification", "end_to_end")
    }
    with atomic_folder(store) as folder, _client(folder) as client:
        experiment = client.create_experiment("cellsift", (store / "artifacts").as_uri())
        for arm in arms:
            run = client.create_run(experiment, run_name=arm.name).info.run_id
            described = read_json(files.model(arm.name).description)
            _log_parameters(client, run, _parameters(arm, described))
            for kind, table in measures.items():
                for row in table[table["arm"] == arm.name].dropna(subset="value").itertuples():
                    client.log_metric(run, f"{row.brain}/{kind}/{row.metric}", row.value)
            training, model = files.training(arm.name), files.model(arm.name)
            for fold in training.folds():
                tags, name = {"mlflow.parentRunId": run}, f"{arm.name} fold-{fold}"
                of_fold = client.create_run(experiment, run_name=name, tags=tags).info.run_id
                made = read_json(model.sidecar(fold))["provenance"]
                _log_parameters(client, of_fold, made["recipe"])
                _log_epochs(client, of_fold, read_table(training.fold(fold).history))
                client.set_terminated(of_fold)
            client.set_terminated(run)


def _parameters(arm: Arm, described: Mapping[str, Any]) -> dict[str, Any]:
    """Architecture, options and recipe; of an ensemble the weights of its members too."""
    weights = {f"weight of {name}": weight for name, weight in described.get("members", {}).items()}
    recipe = arm.recipe.to_dict() if arm.recipe else {}
    return {"architecture": arm.architecture, **arm.options, **recipe, **weights}


def _log_parameters(client, run: str, parameters: Mapping[str, Any]) -> None:
    for name, value in parameters.items():
        client.log_param(run, name, str(value))


def _log_epochs(client, run: str, history: pd.DataFrame) -> None:
    # Times as if the training had begun now: the store shows how long the epochs took.
    times = 1000 * (time.time() + history["seconds"].cumsum())
    for stamp, row in zip(times.astype(int), history.to_dict("records"), strict=True):
        for name, value in row.items():
            if name != "epoch":
                client.log_metric(run, name, value, timestamp=stamp, step=int(row["epoch"]))


@contextmanager
def _client(folder: Path):
    before = dict(os.environ)
    os.environ.update(SETTINGS)
    try:
        try:
            from mlflow import MlflowClient
        except ModuleNotFoundError as error:
            raise InputError(
                "config, mlflow: the package mlflow-skinny is not installed; run with --sdm conda, "
                "install cellsift with its extra `tracking`, or set mlflow to false"
            ) from error
        yield MlflowClient(folder.absolute().as_uri())
    finally:
        os.environ.clear()
        os.environ.update(before)
