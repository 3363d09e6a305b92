"""Adapter of the rule combine: an ensemble out of the out-of-fold scores of its members."""

from cellsift.workflow.job import job
from cellsift.steps.combine import combine

with job(snakemake.log[0], snakemake.wildcards):
    combine(
        snakemake.params.members,
        snakemake.params.method,
        snakemake.params.threshold,
        snakemake.output.model,
        snakemake.output.scores,
        draft=snakemake.params.draft,
    )
