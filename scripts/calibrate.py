"""Adapter of the rule calibrate: one model out of the folds, with temperature and threshold."""

from cellsift.steps.calibrate import calibrate
from cellsift.workflow.job import job

with job(snakemake.log[0], snakemake.wildcards):
    calibrate(
        snakemake.input.sidecars,
        snakemake.input.scores,
        snakemake.params.threshold,
        snakemake.output[0],
    )
