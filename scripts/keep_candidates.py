"""Adapter of the rule keep_candidates: drop candidates below the chosen contrast."""

from cellsift.workflow.job import job
from cellsift.steps.keep_candidates import keep_candidates

with job(snakemake.log[0], snakemake.wildcards):
    keep_candidates(snakemake.input.detected, snakemake.input.threshold, snakemake.output[0])
