"""Adapter of the rule detect_slab: look for candidates in a slab of a brain."""

from cellsift.detection import detect_slab
from cellsift.detection.blocks import limit_memory
from cellsift.detection.filters import use_gpu_if_there_is_one
from cellsift.detection.parts import write_parts
from cellsift.io.cores import limit_cores
from cellsift.io.volumes import open_channel
from cellsift.settings.brains import Brain
from cellsift.workflow.job import device_of_filters, job, memory_for_data

with job(snakemake.log[0], snakemake.wildcards):
    limit_cores(snakemake.threads)
    limit_memory(memory_for_data(snakemake))
    use_gpu_if_there_is_one(device_of_filters(snakemake))
    brain = Brain.from_dict(snakemake.params.brain)
    volume = open_channel(brain, "signal")
    slab, slabs = int(snakemake.wildcards.slab), snakemake.params.slabs
    parts = detect_slab(volume, slab=slab, slabs=slabs, **brain.detector)
    write_parts(parts, snakemake.output[0])
