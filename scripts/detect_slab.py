"""Adapter of the rule detect_slab: look for candidates in a slab of a brain."""

from cellsift.detection.blocks import limit_memory
from cellsift.detection.filters import use_gpu_if_there_is_one
from cellsift.io.cores import limit_cores
from cellsift.settings.brains import Brain
from cellsift.steps.detect_slab import detect_slab
from cellsift.workflow.job import device_of_filters, job, memory_for_data

with job(snakemake.log[0], snakemake.wildcards):
    limit_cores(snakemake.threads)
    limit_memory(memory_for_data(snakemake))
    use_gpu_if_there_is_one(device_of_filters(snakemake))
    detect_slab(
        Brain.from_dict(snakemake.params.brain),
        int(snakemake.wildcards.slab),
        snakemake.params.slabs,
        snakemake.output[0],
    )
