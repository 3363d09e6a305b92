"""Adapter of the rule accept_fold: one network of a finished model, in our own format."""

from cellsift.workflow.job import job
from cellsift.steps.accept_fold import accept_fold

with job(snakemake.log[0], snakemake.wildcards):
    accept_fold(
        snakemake.params.source,
        int(snakemake.wildcards.fold),
        snakemake.output.sidecar,
    )
