"""Adapter of the rule contrast_slab: measure the contrast of a brain's candidates in a slab."""

from cellsift.detection import contrast_slab
from cellsift.detection.parts import write_parts
from cellsift.io.tables import read_table
from cellsift.io.volumes import open_channel
from cellsift.settings.brains import Brain
from cellsift.workflow.detection_resources import resources_of
from cellsift.workflow.job import job
from cellsift.workflow.reading_threads import limit_reading

with job(snakemake.log[0], snakemake.wildcards):
    limit_reading(snakemake.threads)
    brain = Brain.from_dict(snakemake.params.brain)
    volume = open_channel(brain, "signal")
    centres = read_table(snakemake.input[0])
    slab, slabs = int(snakemake.wildcards.slab), snakemake.params.slabs
    parts = contrast_slab(
        volume,
        centres=centres,
        slab=slab,
        slabs=slabs,
        resources=resources_of(snakemake),
        **brain.detector,
    )
    write_parts(parts, snakemake.output[0])
