"""Adapter of the rule combine: an ensemble out of the out-of-fold scores of its members."""

from pathlib import Path

from cellsift.calibration.ensemble import combine_members
from cellsift.workflow.job import job

with job(snakemake.log[0], snakemake.wildcards):
    combine_members(
        Path(snakemake.output.model).parent,
        snakemake.params.members,
        snakemake.params.method,
        snakemake.params.threshold,
        snakemake.output.scores,
    )
