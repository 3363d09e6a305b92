"""Adapter of the rule suggest_brain: what to annotate next in a brain."""

from cellsift.workflow.job import job
from cellsift.settings.brains import Brain
from cellsift.steps.suggest_brain import suggest_brain

with job(snakemake.log[0], snakemake.wildcards) as tell:
    arms = snakemake.params.arms
    suggest_brain(
        Brain.from_dict(snakemake.params.brain),
        snakemake.input.candidates,
        dict(zip(arms, snakemake.input.cells, strict=True)),
        dict(zip(arms, snakemake.input.models, strict=True)),
        next(iter(snakemake.input.labels), None),
        snakemake.input.cuboids,
        snakemake.input.projection,
        dict(zip(("sample", "blocks", "cells", "summary"), snakemake.input.sample, strict=True)),
        snakemake.params.annotations,
        snakemake.params.wish,
        snakemake.params.seed,
        dict(snakemake.output.items()),
        tell,
    )
