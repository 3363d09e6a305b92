"""Adapter of the rule classify_ensemble: p_cell of a brain's candidates by members' logits."""

from cellsift.workflow.job import job
from cellsift.steps.classify_ensemble import classify_ensemble

with job(snakemake.log[0], snakemake.wildcards):
    classify_ensemble(
        snakemake.wildcards.brain,
        snakemake.input.model,
        snakemake.input.cells[0],
        dict(zip(snakemake.params.members, snakemake.input.logits, strict=True)),
        snakemake.input.scores,
        snakemake.output.table,
        snakemake.output.xml,
    )
