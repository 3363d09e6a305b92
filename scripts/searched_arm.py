"""Adapter of the rule searched_arm: the recipe that a search has found, as the file of an arm."""

from cellsift.workflow.job import job
from cellsift.settings.arms import Arm
from cellsift.steps.searched_arm import searched_arm

with job(snakemake.log[0], snakemake.wildcards):
    searched_arm(Arm.from_dict(snakemake.params.arm), snakemake.input[0], snakemake.output[0])
