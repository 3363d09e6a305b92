"""Adapter of the rule report_brain: the page of one brain."""

from cellsift.workflow.job import job
from cellsift.settings.brains import Brain
from cellsift.steps.report_brain import report_brain

with job(snakemake.log[0], snakemake.wildcards):
    report_brain(
        snakemake.params.config["results"],
        Brain.from_dict(snakemake.params.brain, snakemake.params.role),
        snakemake.input.cuboids,
        snakemake.params.config,
        snakemake.output[0],
        next(iter(snakemake.input.sample), None),
        snakemake.input.corrections,
    )
