"""Adapter of the rule contrast_slab: measure the contrast of a brain's candidates in a slab."""

from cellsift.workflow.job import job
from cellsift.settings.choice import brain_of
from cellsift.steps.contrast_slab import contrast_slab
from cellsift.workflow.detection_resources import resources_of
from cellsift.workflow.reading_threads import limit_reading

with job(snakemake.log[0], snakemake.wildcards):
    limit_reading(snakemake.threads)
    contrast_slab(
        brain_of(snakemake.params.brain, snakemake.input.choice),
        snakemake.input.centres,
        int(snakemake.wildcards.slab),
        snakemake.params.slabs,
        snakemake.output[0],
        found=next(iter(snakemake.input.found), None),
        resources=resources_of(snakemake),
    )
