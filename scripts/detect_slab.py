"""Adapter of the rule detect_slab: look for candidates in a slab of a brain."""

from cellsift.workflow.job import job
from cellsift.settings.choice import brain_of
from cellsift.steps.detect_slab import detect_slab
from cellsift.workflow.detection_resources import resources_of
from cellsift.workflow.reading_threads import limit_reading

with job(snakemake.log[0], snakemake.wildcards):
    limit_reading(snakemake.threads)
    detect_slab(
        brain_of(snakemake.params.brain, snakemake.input.choice),
        int(snakemake.wildcards.slab),
        snakemake.params.slabs,
        snakemake.output[0],
        resources=resources_of(snakemake),
    )
