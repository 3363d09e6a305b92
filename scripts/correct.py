"""Adapter of the rule correct: a brain's cells by what people labelled in it."""

from itertools import product

from cellsift.workflow.job import job
from cellsift.settings.choice import brain_of
from cellsift.steps.correct import correct

with job(snakemake.log[0], snakemake.wildcards):
    given, train = snakemake.input, snakemake.params.train
    arm = snakemake.wildcards.any_arm
    correct(
        brain_of(snakemake.params.brain, given.choice),
        arm,
        given.cells,
        given.model,
        {
            "labels": dict(zip(train, given.train_labels, strict=True)),
            "summaries": dict(zip(train, given.train_summaries, strict=True)),
            "cells": dict(zip(product(train, [arm]), given.train_cells, strict=True)),
            "held_out": snakemake.params.held_out,
            "folds": next(iter(given.folds), None),
        },
        given.sample,
        snakemake.params.seed,
        dict(snakemake.output.items()),
    )
