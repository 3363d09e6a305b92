"""Adapter of the rule score_chunk: the logits of one chunk of a brain's candidates by one arm."""

from pathlib import Path

from cellsift.cuboids.store import CuboidStore
from cellsift.inference.classify import score_chunk
from cellsift.io.tables import write_array
from cellsift.workflow.job import job, wanted_device

with job(snakemake.log[0], snakemake.wildcards):
    logits = score_chunk(
        Path(snakemake.input.model).parent,
        CuboidStore.open(snakemake.input.cuboids),
        int(snakemake.wildcards.chunk),
        int(snakemake.wildcards.chunks),
        device=wanted_device(snakemake),
        threads=snakemake.threads,
        progress=True,
    )
    write_array(logits, snakemake.output[0])
