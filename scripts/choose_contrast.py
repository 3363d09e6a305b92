"""Adapter of the rule choose_contrast: the contrast that a candidate must have to be kept."""

from cellsift.workflow.job import job
from cellsift.settings.choice import brain_of
from cellsift.steps.choose_contrast import choose_contrast

with job(snakemake.log[0], snakemake.wildcards) as tell:
    choose_contrast(
        [brain_of(content, snakemake.input.choice) for content in snakemake.params.brains],
        snakemake.input.detected,
        snakemake.input.volumes,
        snakemake.params.keep,
        snakemake.output[0],
        tell,
    )
