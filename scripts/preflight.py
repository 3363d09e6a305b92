"""Adapter of the rule preflight: refuse an annotation that does not fit, note what a brain is."""

from cellsift.brains_table import Brain
from cellsift.io.whole import read_json, write_json
from cellsift.job import job
from cellsift.preflight.annotation import check_annotation

with job(snakemake.log[0], snakemake.wildcards):
    brain = Brain.from_dict(snakemake.params.brain)
    found = read_json(snakemake.input[0])
    write_json(found | check_annotation(brain, found["signal"]["shape"]), snakemake.output[0])
