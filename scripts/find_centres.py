"""Adapter of the rule find_centres: find somata in what was marked in all slabs of a brain."""

from cellsift.detection import find_centres
from cellsift.detection.parts import StoredParts
from cellsift.io.tables import write_table
from cellsift.io.volumes import open_channel
from cellsift.settings.brains import Brain
from cellsift.workflow.job import job

with job(snakemake.log[0], snakemake.wildcards):
    brain = Brain.from_dict(snakemake.params.brain)
    volume = open_channel(brain, "signal")
    centres = find_centres(volume, parts=StoredParts(snakemake.input), **brain.detector)
    write_table(centres, snakemake.output[0])
