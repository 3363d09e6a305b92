"""Adapter of the rule evaluate: all tables that compare the arms."""

from itertools import product

from cellsift.workflow.job import job
from cellsift.settings.choice import brain_of
from cellsift.steps.evaluate import evaluate

with job(snakemake.log[0], snakemake.wildcards):
    roles, arms = snakemake.params.roles, snakemake.params.arms
    evaluate(
        [
            brain_of(content, snakemake.input.choice, roles[content["name"]])
            for content in snakemake.params.brains
        ],
        snakemake.input.labels,
        dict(zip(arms, snakemake.input.models, strict=True)),
        dict(zip(product(roles, arms), snakemake.input.cells, strict=True)),
        snakemake.params.seed,
        snakemake.output,
        snakemake.input.volumes,
        folds=next(iter(snakemake.input.folds), None),
        held_out=snakemake.params.held_out,
    )
