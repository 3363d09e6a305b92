"""Adapter of the rule searched_arm: the recipe that a search has found, as the file of an arm."""

from cellsift.io.json_files import read_json
from cellsift.settings.arms import Arm
from cellsift.training.search.outcome import write_arm
from cellsift.workflow.job import job

with job(snakemake.log[0], snakemake.wildcards):
    chosen = read_json(snakemake.input[0])
    write_arm(Arm(**snakemake.params.arm), chosen, snakemake.output[0])
