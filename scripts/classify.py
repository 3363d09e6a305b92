"""Adapter of the rule classify: p_cell of every candidate of a brain by one arm."""

from cellsift.workflow.job import job, wanted_device
from cellsift.steps.classify import classify

with job(snakemake.log[0], snakemake.wildcards):
    classify(
        snakemake.wildcards.brain,
        snakemake.input.model,
        snakemake.input.cuboids,
        snakemake.input.scores,
        snakemake.input.logits,
        snakemake.output.logits,
        snakemake.output.table,
        snakemake.output.xml,
        device=wanted_device(snakemake),
        threads=snakemake.threads,
    )
