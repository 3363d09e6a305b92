"""Adapter of the rule sample: what people have labelled in a brain."""

from cellsift.workflow.job import job
from cellsift.settings.choice import brain_of
from cellsift.steps.sample import sample

with job(snakemake.log[0], snakemake.wildcards) as tell:
    sample(
        brain_of(snakemake.params.brain),
        snakemake.input.candidates,
        snakemake.input.volumes,
        snakemake.params.annotations,
        dict(snakemake.output.items()),
        tell,
    )
