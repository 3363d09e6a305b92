"""Adapter of the rule projection: the brain seen from above, for its report."""

from cellsift.brains_table import Brain
from cellsift.io.cores import limit_cores
from cellsift.io.volumes import open_volume
from cellsift.job import job
from cellsift.reporting.projections import project_brain

with job(snakemake.log[0], snakemake.wildcards):
    limit_cores(snakemake.threads)
    brain = Brain.from_dict(snakemake.params.brain)
    signal, background = (
        open_volume(path, brain.voxel_size, brain.settings["intensity_range"]) if path else None
        for path in (brain.signal, brain.background)
    )
    project_brain(signal, background, snakemake.output[0])
