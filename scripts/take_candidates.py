"""Adapter of the rule take_candidates: take over what another program has found in a brain."""

from cellsift.workflow.job import job
from cellsift.settings.brains import Brain
from cellsift.steps.take_candidates import take_candidates

with job(snakemake.log[0], snakemake.wildcards) as tell:
    take_candidates(
        Brain.from_dict(snakemake.params.brain),
        snakemake.input[0],
        snakemake.output[0],
        tell,
    )
