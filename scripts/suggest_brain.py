"""Adapter of the rule suggest_brain: what to annotate next in a brain."""

from cellsift.workflow.job import job
from cellsift.settings.brains import Brain
from cellsift.steps.suggest_brain import suggest_brain

with job(snakemake.log[0], snakemake.wildcards) as tell:
    given, arms = snakemake.input, snakemake.params.arms
    suggest_brain(
        Brain.from_dict(snakemake.params.brain),
        {
            "candidates": given.candidates,
            "cells": dict(zip(arms, given.cells, strict=True)),
            "models": dict(zip(arms, given.models, strict=True)),
            "cuboids": given.cuboids,
            "projection": given.projection,
            "sample": dict(
                zip(("sample", "blocks", "cells", "summary"), given.sample, strict=True)
            ),
            "labels": next(iter(given.labels), None),
        },
        snakemake.params.annotations,
        snakemake.params.wish,
        snakemake.params.seed,
        dict(snakemake.output.items()),
        tell,
    )
