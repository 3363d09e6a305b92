"""Adapter of the rule find_centres: find somata in what was marked in all slabs of a brain."""

from cellsift.workflow.job import job
from cellsift.settings.choice import brain_of
from cellsift.steps.find_centres import find_centres

with job(snakemake.log[0], snakemake.wildcards):
    find_centres(
        brain_of(snakemake.params.brain, snakemake.input.choice),
        snakemake.input.slabs,
        snakemake.output[0],
    )
