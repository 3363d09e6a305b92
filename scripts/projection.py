"""Adapter of the rule projection: the brain seen from above, for its report."""

from cellsift.io.cores import limit_cores
from cellsift.settings.brains import Brain
from cellsift.steps.projection import projection
from cellsift.workflow.job import job

with job(snakemake.log[0], snakemake.wildcards):
    limit_cores(snakemake.threads)
    projection(Brain.from_dict(snakemake.params.brain), snakemake.output[0])
