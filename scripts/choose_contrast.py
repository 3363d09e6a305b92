"""Adapter of the rule choose_contrast: the contrast that a candidate must have to be kept."""

from cellsift.workflow.job import job
from cellsift.settings.brains import Brain
from cellsift.steps.choose_contrast import choose_contrast

with job(snakemake.log[0], snakemake.wildcards) as tell:
    choose_contrast(
        [Brain.from_dict(content) for content in snakemake.params.brains],
        snakemake.input.detected,
        snakemake.input.volumes,
        snakemake.params.keep,
        snakemake.output[0],
        tell,
    )
