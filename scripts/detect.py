"""Adapter of the rule detect: gather the candidates of all slabs of a brain."""

from cellsift.detection import gather
from cellsift.detection.parts import StoredParts
from cellsift.io.tables import write_table
from cellsift.settings.brains import Brain
from cellsift.workflow.job import job

with job(snakemake.log[0], snakemake.wildcards):
    brain = Brain.from_dict(snakemake.params.brain)
    candidates = gather(StoredParts(snakemake.input), **brain.detector)
    write_table(candidates, snakemake.output[0])
    print(f"{len(candidates)} candidates in {brain.name}")
