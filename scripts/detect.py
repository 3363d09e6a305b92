"""Adapter of the rule detect: gather the candidates of all slabs of a brain."""

from cellsift.workflow.job import job
from cellsift.settings.choice import brain_of
from cellsift.steps.detect import detect

with job(snakemake.log[0], snakemake.wildcards):
    detect(
        brain_of(snakemake.params.brain, snakemake.input.choice),
        snakemake.input.slabs,
        snakemake.output[0],
    )
