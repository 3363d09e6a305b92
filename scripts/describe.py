"""Adapter of the rule describe: what a brain looks like, in numbers."""

from cellsift.workflow.job import job
from cellsift.settings.brains import Brain
from cellsift.steps.describe import describe
from cellsift.workflow.reading_threads import limit_reading

with job(snakemake.log[0], snakemake.wildcards):
    limit_reading(snakemake.threads)
    describe(
        Brain.from_dict(snakemake.params.brain),
        snakemake.input.cuboids,
        snakemake.output[0],
    )
