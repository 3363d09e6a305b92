"""Adapter of the rule find_centres: find somata in what was marked in all slabs of a brain."""

from cellsift.workflow.job import job
from cellsift.settings.brains import Brain
from cellsift.steps.find_centres import find_centres

with job(snakemake.log[0], snakemake.wildcards):
    find_centres(Brain.from_dict(snakemake.params.brain), snakemake.input, snakemake.output[0])
