"""Adapter of the rule contrast_slab: measure the contrast of a brain's candidates in a slab."""

from cellsift.detection import contrast_slab
from cellsift.detection.blocks import limit_memory
from cellsift.detection.filters import use_gpu_if_there_is_one
from cellsift.detection.parts import write_parts
from cellsift.io.cores import limit_cores
from cellsift.io.tables import read_table
from cellsift.io.volumes import open_channel
from cellsift.settings.brains import Brain
from cellsift.workflow.job import device_of_filters, job, memory_for_data

with job(snakemake.log[0], snakemake.wildcards):
    limit_cores(snakemake.threads)
    limit_memory(memory_for_data(snakemake))
    use_gpu_if_there_is_one(device_of_filters(snakemake))
    brain = Brain.from_dict(snakemake.params.brain)
    volume = open_channel(brain, "signal")
    centres = read_table(snakemake.input[0])
    slab, slabs = int(snakemake.wildcards.slab), snakemake.params.slabs
    parts = contrast_slab(volume, centres=centres, slab=slab, slabs=slabs, **brain.detector)
    write_parts(parts, snakemake.output[0])
