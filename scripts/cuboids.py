"""Adapter of the rule cuboids: cut the cuboid around every candidate of a chunk into a store."""

from cellsift.io.cores import limit_cores
from cellsift.settings.brains import Brain
from cellsift.steps.cuboids import cuboids
from cellsift.workflow.job import job, memory_for_data

with job(snakemake.log[0], snakemake.wildcards):
    limit_cores(snakemake.threads)
    cuboids(
        Brain.from_dict(snakemake.params.brain),
        snakemake.input[0],
        int(snakemake.wildcards.chunk),
        int(snakemake.wildcards.chunks),
        snakemake.output[0],
        memory_for_data(snakemake),
    )
