"""Adapter of the rule track: the comparison as an MLflow file store."""

from pathlib import Path

from cellsift.interop.mlflow_store import write_mlflow
from cellsift.settings.arms import Arm
from cellsift.workflow.job import job

with job(snakemake.log[0], snakemake.wildcards):
    arms = [Arm.from_dict(arm) for arm in snakemake.params.arms]
    store = Path(snakemake.output[0])
    write_mlflow(store.parent, arms, store)
