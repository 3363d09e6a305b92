"""Adapter of the rule cost_ensemble: what an ensemble costs, by what its members do."""

from cellsift.workflow.job import job
from cellsift.steps.cost_ensemble import cost_ensemble

with job(snakemake.log[0], snakemake.wildcards):
    cost_ensemble(snakemake.wildcards.ensemble, snakemake.input, snakemake.output[0])
