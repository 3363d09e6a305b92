"""Adapter of the rule score_chunk: the logits of one chunk of a brain's candidates by one arm."""

from cellsift.workflow.job import job, wanted_device
from cellsift.steps.score_chunk import score_chunk

with job(snakemake.log[0], snakemake.wildcards):
    score_chunk(
        snakemake.input.model,
        snakemake.input.cuboids,
        int(snakemake.wildcards.chunk),
        int(snakemake.wildcards.chunks),
        snakemake.output[0],
        device=wanted_device(snakemake),
        threads=snakemake.threads,
    )
