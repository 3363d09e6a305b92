"""Adapter of the rule compare: whether a brain is unlike the train brains."""

from itertools import product

from cellsift.workflow.job import job
from cellsift.steps.compare import compare

with job(snakemake.log[0], snakemake.wildcards) as tell:
    brains, arms = snakemake.params.brains, snakemake.params.arms
    compare(
        snakemake.wildcards.brain,
        dict(zip(brains, snakemake.input.appearances, strict=True)),
        dict(zip(product(brains, arms), snakemake.input.cells, strict=True)),
        arms,
        snakemake.params.train,
        snakemake.params.role,
        snakemake.output[0],
        tell,
        given=snakemake.params.given,
    )
