"""Adapter of the rule cost_ensemble: what an ensemble costs, by what its members do."""

from cellsift.inference.ensemble_cost import ensemble_cost
from cellsift.io.json_files import read_json, write_json
from cellsift.workflow.job import job

with job(snakemake.log[0], snakemake.wildcards):
    cost = ensemble_cost([read_json(path) for path in snakemake.input])
    write_json({"arm": snakemake.wildcards.ensemble, **cost}, snakemake.output[0])
