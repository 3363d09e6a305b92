"""Print as JSON what the runs in a store of MLflow hold, by name; runs in MLflow's environment."""

import json
import sys

from mlflow import MlflowClient

client = MlflowClient(sys.argv[1])
experiment = client.get_experiment_by_name("cellsift")
found = {}
for run in client.search_runs([experiment.experiment_id]):
    curve = client.get_metric_history(run.info.run_id, "validation_loss")
    found[run.info.run_name] = {
        "id": run.info.run_id,
        "state": run.info.status,
        "parent": run.data.tags.get("mlflow.parentRunId"),
        "parameters": run.data.params,
        "metrics": run.data.metrics,
        "curve": [(point.step, point.value) for point in curve],
    }
print(json.dumps(found))
