"""Adapter of the rule label: tell by the annotation which candidates are cells."""

from cellsift.workflow.job import job
from cellsift.settings.brains import Brain
from cellsift.steps.label import label

with job(snakemake.log[0], snakemake.wildcards) as tell:
    label(
        Brain.from_dict(snakemake.params.brain),
        snakemake.input.candidates,
        snakemake.input.found,
        snakemake.output.table,
        snakemake.output.summary,
        tell,
    )
