"""Adapter of the rule report_index: the page that compares the arms."""

from cellsift.reporting.pages import write_index
from cellsift.workflow.job import job

with job(snakemake.log[0], snakemake.wildcards):
    config = snakemake.params.config
    write_index(
        config["results"],
        config,
        snakemake.output[0],
        snakemake.params.roles,
        snakemake.params.arms,
    )
