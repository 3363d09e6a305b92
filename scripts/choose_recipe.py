"""Adapter of the rule choose_recipe: the best of all trials of a search."""

from cellsift.workflow.job import job
from cellsift.settings.arms import Arm
from cellsift.steps.choose_recipe import choose_recipe

with job(snakemake.log[0], snakemake.wildcards):
    choose_recipe(
        Arm.from_dict(snakemake.params.arm),
        snakemake.input,
        snakemake.output,
        snakemake.params.seed,
    )
