"""Adapter of the rule show_suggestions: the page of what to annotate next in a brain."""

from cellsift.workflow.job import job
from cellsift.steps.show_suggestions import show_suggestions

with job(snakemake.log[0], snakemake.wildcards):
    show_suggestions(
        snakemake.params.results,
        snakemake.wildcards.brain,
        snakemake.params.role,
        snakemake.params.signal,
        snakemake.input.cuboids,
        snakemake.output[0],
        snakemake.params.corrected_with,
        draft=snakemake.params.draft,
    )
