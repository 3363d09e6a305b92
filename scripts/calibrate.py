"""Adapter of the rule calibrate: one model out of the folds, with temperature and threshold."""

from cellsift.workflow.job import job
from cellsift.steps.calibrate import calibrate

with job(snakemake.log[0], snakemake.wildcards):
    calibrate(
        snakemake.input.sidecars,
        snakemake.input.scores,
        snakemake.params.threshold,
        snakemake.params.detections,
        snakemake.input.contrast or None,
        snakemake.input.choice,
        snakemake.output[0],
        draft=snakemake.params.draft,
    )
