"""Adapter of the rule folds: divide the labelled candidates of the train brains into folds."""

from cellsift.workflow.job import job
from cellsift.settings.choice import brain_of
from cellsift.steps.folds import folds

with job(snakemake.log[0], snakemake.wildcards):
    folds(
        [brain_of(content, snakemake.input.choice) for content in snakemake.params.brains],
        snakemake.input.labels,
        snakemake.input.summaries,
        snakemake.params.training["folds"],
        snakemake.params.training["group_by"],
        snakemake.output[0],
    )
