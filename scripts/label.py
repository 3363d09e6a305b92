"""Adapter of the rule label: tell by the annotation which candidates are cells."""

from cellsift.workflow.job import job
from cellsift.settings.choice import brain_of
from cellsift.steps.label import label

with job(snakemake.log[0], snakemake.wildcards) as tell:
    label(
        brain_of(snakemake.params.brain, snakemake.input.choice),
        snakemake.input.candidates,
        snakemake.input.found,
        snakemake.output.table,
        snakemake.output.summary,
        tell,
        positions=snakemake.output.positions,
        quality=snakemake.output.quality,
    )
