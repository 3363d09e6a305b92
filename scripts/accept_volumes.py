"""Adapter of the rule accept_volumes: refuse volumes that cannot be worked on."""

from cellsift.workflow.job import job
from cellsift.steps.accept_volumes import accept_volumes

with job(snakemake.log[0], snakemake.wildcards):
    accept_volumes(snakemake.input[0], snakemake.output[0])
