"""Adapter of the rule contrast_slab: measure the contrast of a brain's candidates in a slab."""

from cellsift.detection.blocks import limit_memory
from cellsift.detection.filters import use_gpu_if_there_is_one
from cellsift.io.cores import limit_cores
from cellsift.settings.brains import Brain
from cellsift.steps.contrast_slab import contrast_slab
from cellsift.workflow.job import device_of_filters, job, memory_for_data

with job(snakemake.log[0], snakemake.wildcards):
    limit_cores(snakemake.threads)
    limit_memory(memory_for_data(snakemake))
    use_gpu_if_there_is_one(device_of_filters(snakemake))
    contrast_slab(
        Brain.from_dict(snakemake.params.brain),
        snakemake.input[0],
        int(snakemake.wildcards.slab),
        snakemake.params.slabs,
        snakemake.output[0],
    )
