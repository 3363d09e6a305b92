"""Adapter of the rule track: the comparison as an MLflow file store."""

from pathlib import Path

from cellsift.workflow.job import job
from cellsift.settings.arms import Arm
from cellsift.steps.track import track

with job(snakemake.log[0], snakemake.wildcards):
    track(
        Path(snakemake.output[0]).parent,
        [Arm.from_dict(arm) for arm in snakemake.params.arms],
        snakemake.output[0],
    )
