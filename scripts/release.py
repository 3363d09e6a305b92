"""Adapter of the rule release: an arm that has learnt from all annotated brains, packed."""

from cellsift.workflow.job import job
from cellsift.steps.release import release

with job(snakemake.log[0], snakemake.wildcards):
    release(
        snakemake.params.results,
        snakemake.params.wanted["arm"],
        snakemake.params.wanted["name"],
        snakemake.params.wanted["version"],
        snakemake.params.wanted["card"],
        snakemake.params.to,
        snakemake.output[0],
    )
