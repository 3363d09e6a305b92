"""Adapter of the rule track: the comparison as an MLflow file store."""

from pathlib import Path

from cellsift.arm_settings import Arm
from cellsift.job import job
from cellsift.tracking import write_mlflow

with job(snakemake.log[0], snakemake.wildcards):
    arms = [Arm(**arm) for arm in snakemake.params.arms]
    store = Path(snakemake.output[0])
    write_mlflow(store.parent, arms, store)
