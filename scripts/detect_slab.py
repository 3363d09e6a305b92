"""Adapter of the rule detect_slab: look for candidates in a slab of a brain."""

from cellsift.detection import detect_slab
from cellsift.detection.parts import write_parts
from cellsift.io.volumes import open_channel
from cellsift.settings.brains import Brain
from cellsift.workflow.detection_resources import resources_of
from cellsift.workflow.job import job
from cellsift.workflow.reading_threads import limit_reading

with job(snakemake.log[0], snakemake.wildcards):
    limit_reading(snakemake.threads)
    brain = Brain.from_dict(snakemake.params.brain)
    volume = open_channel(brain, "signal")
    slab, slabs = int(snakemake.wildcards.slab), snakemake.params.slabs
    parts = detect_slab(
        volume, slab=slab, slabs=slabs, resources=resources_of(snakemake), **brain.detector
    )
    write_parts(parts, snakemake.output[0])
