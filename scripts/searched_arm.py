"""Adapter of the rule searched_arm: the recipe that a search has found, as the file of an arm."""

from cellsift.arm_settings import Arm
from cellsift.io.whole import read_json
from cellsift.job import job
from cellsift.training.search.outcome import write_arm

with job(snakemake.log[0], snakemake.wildcards):
    chosen = read_json(snakemake.input[0])
    write_arm(Arm(**snakemake.params.arm), chosen, snakemake.output[0])
