"""Adapter of the rule cost: what an arm costs on this machine."""

from cellsift.workflow.job import job, wanted_device
from cellsift.steps.cost import cost

with job(snakemake.log[0], snakemake.wildcards):
    cost(
        snakemake.wildcards.arm,
        snakemake.input.sidecar,
        snakemake.input.histories,
        snakemake.output[0],
        device=wanted_device(snakemake),
        threads=snakemake.threads,
    )
