"""Adapter of the rule cuboids: cut the cuboid around every candidate of a chunk into a store."""

from cellsift.workflow.job import job, memory_for_data
from cellsift.settings.choice import brain_of
from cellsift.steps.cuboids import cuboids
from cellsift.workflow.reading_threads import limit_reading

with job(snakemake.log[0], snakemake.wildcards):
    limit_reading(snakemake.threads)
    cuboids(
        brain_of(snakemake.params.brain, snakemake.input.choice),
        snakemake.input.candidates,
        int(snakemake.wildcards.chunk),
        int(snakemake.wildcards.chunks),
        snakemake.output[0],
        memory_for_data(snakemake),
    )
