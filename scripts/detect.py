"""Adapter of the rule detect: gather the candidates of all slabs of a brain."""

from cellsift.workflow.job import job
from cellsift.settings.brains import Brain
from cellsift.steps.detect import detect

with job(snakemake.log[0], snakemake.wildcards):
    detect(Brain.from_dict(snakemake.params.brain), snakemake.input, snakemake.output[0])
