"""Adapter of the rule report_index: the page that compares the arms."""

from cellsift.job import job
from cellsift.reporting.pages import write_index

with job(snakemake.log[0], snakemake.wildcards):
    config = snakemake.params.config
    write_index(
        config["results"],
        config,
        snakemake.output[0],
        snakemake.params.roles,
        snakemake.params.arms,
    )
