"""Adapter of the rule projection: pictures of the brain, for its report."""

from cellsift.workflow.job import job
from cellsift.settings.brains import Brain
from cellsift.steps.projection import projection
from cellsift.workflow.reading_threads import limit_reading

with job(snakemake.log[0], snakemake.wildcards):
    limit_reading(snakemake.threads)
    projection(Brain.from_dict(snakemake.params.brain), snakemake.output)
