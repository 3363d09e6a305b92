"""Adapter of the rule preflight: refuse a brain that cannot be worked on, or note what it is."""

from cellsift.configuration import Brain
from cellsift.io.whole import write_json
from cellsift.job import job
from cellsift.preflight import check_brain

with job(snakemake.log[0], snakemake.wildcards):
    brain = Brain.from_dict(snakemake.params.brain)
    write_json(check_brain(brain), snakemake.output[0])
