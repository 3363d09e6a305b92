"""Adapter of the rule count: the number of cells in a brain, with its interval."""

from itertools import product

from cellsift.workflow.job import job
from cellsift.settings.choice import brain_of
from cellsift.steps.count import count

with job(snakemake.log[0], snakemake.wildcards) as tell:
    given, arms, train = snakemake.input, snakemake.params.arms, snakemake.params.train
    count(
        brain_of(snakemake.params.brain, given.choice),
        dict(zip(arms, given.cells, strict=True)),
        dict(zip(arms, given.models, strict=True)),
        {
            "labels": dict(zip(train, given.train_labels, strict=True)),
            "summaries": dict(zip(train, given.train_summaries, strict=True)),
            "cells": dict(zip(product(train, arms), given.train_cells, strict=True)),
            "held_out": snakemake.params.held_out,
            "folds": next(iter(given.folds), None),
        },
        {
            "volumes": given.volumes,
            "sample": given.sample,
            "answers": next(iter(given.answers), None),
            "summary": next(iter(given.summary), None),
            "alarm": given.alarm,
            "regions": next(iter(given.regions), None),
        },
        snakemake.params.seed,
        snakemake.output.table,
        snakemake.output.document,
        tell,
        corrected_with=snakemake.params.corrected_with,
        wish=snakemake.params.wish,
    )
