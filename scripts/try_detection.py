"""Adapter of the rule try_detection: the page on what detection alone does."""

from cellsift.workflow.job import job
from cellsift.settings.choice import brain_of
from cellsift.steps.try_detection import try_detection

with job(snakemake.log[0], snakemake.wildcards):
    brains = [brain_of(content, snakemake.input.choice) for content in snakemake.params.brains]
    try_detection(
        snakemake.params.results,
        {brain.name: brain.detector for brain in brains},
        snakemake.output[0],
        snakemake.params.tuned,
        draft=snakemake.params.draft,
    )
