"""Adapter of the rule suggest: what there is to annotate in all brains."""

from cellsift.workflow.job import job
from cellsift.steps.suggest import suggest

with job(snakemake.log[0]) as tell:
    suggest(
        snakemake.input.suggested,
        snakemake.input.pages,
        snakemake.output[0],
        tell,
        snakemake.params.corrected_with,
    )
