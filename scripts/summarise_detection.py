"""Adapter of the rule summarise_detection: what detection alone does on the train brains."""

from cellsift.workflow.job import job
from cellsift.settings.choice import brain_of
from cellsift.steps.summarise_detection import summarise_detection

with job(snakemake.log[0], snakemake.wildcards) as tell:
    summarise_detection(
        [brain_of(content, snakemake.input.choice) for content in snakemake.params.brains],
        snakemake.input.detected,
        snakemake.input.found,
        snakemake.params.keep,
        snakemake.params.seed,
        snakemake.output.summary,
        snakemake.output.curves,
        tell,
        given=snakemake.params.given,
    )
