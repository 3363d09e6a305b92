"""Adapter of the rule calibrate: one model out of the folds, with temperature and threshold."""

from pathlib import Path

from cellsift.calibration.arm import join_folds
from cellsift.workflow.job import job

with job(snakemake.log[0], snakemake.wildcards):
    join_folds(
        Path(snakemake.output[0]).parent,
        snakemake.input.sidecars,
        snakemake.input.scores,
        snakemake.params.threshold,
    )
