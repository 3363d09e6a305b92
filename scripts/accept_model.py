"""Adapter of the rule accept_model: a finished model as the model of an arm."""

from cellsift.workflow.job import job
from cellsift.steps.accept_model import accept_model

with job(snakemake.log[0], snakemake.wildcards):
    accept_model(
        snakemake.params.source,
        snakemake.params.learnt_from,
        snakemake.input.folds,
        snakemake.params.threshold,
        snakemake.output[0],
    )
