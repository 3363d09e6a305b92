"""Adapter of the rule preflight: refuse an annotation that does not fit, note what a brain is."""

from cellsift.workflow.job import job
from cellsift.settings.brains import Brain
from cellsift.steps.preflight import preflight

with job(snakemake.log[0], snakemake.wildcards) as tell:
    preflight(
        Brain.from_dict(snakemake.params.brain, snakemake.params.role),
        snakemake.input[0],
        snakemake.params.shared,
        snakemake.output[0],
        tell,
    )
