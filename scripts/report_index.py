"""Adapter of the rule report_index: the page that compares the arms."""

from cellsift.workflow.job import job
from cellsift.steps.report_index import report_index

with job(snakemake.log[0], snakemake.wildcards):
    report_index(
        snakemake.params.config["results"],
        snakemake.params.roles,
        snakemake.params.arms,
        snakemake.params.config,
        snakemake.output[0],
    )
