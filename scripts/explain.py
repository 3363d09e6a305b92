"""Adapter of the rule explain: where an arm looked, on telling examples."""

from cellsift.workflow.job import job, wanted_device
from cellsift.steps.explain import explain

with job(snakemake.log[0], snakemake.wildcards):
    cuboids = snakemake.params.cuboids
    explain(
        snakemake.wildcards.arm,
        snakemake.input.model,
        cuboids,
        dict(zip(snakemake.params.annotated, snakemake.input.labels, strict=True)),
        dict(zip(cuboids, snakemake.input.cells, strict=True)),
        next(iter(snakemake.input.folds), None),
        snakemake.output,
        held_out=snakemake.params.held_out,
        examples=snakemake.params.examples,
        device=wanted_device(snakemake),
    )
