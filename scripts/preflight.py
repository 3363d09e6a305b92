"""Adapter of the rule preflight: refuse an annotation that does not fit, note what a brain is."""

from dataclasses import replace

from cellsift.io.json_files import read_json, write_json
from cellsift.preflight.annotation import check_annotation
from cellsift.settings.brains import Brain
from cellsift.workflow.job import job

with job(snakemake.log[0], snakemake.wildcards) as tell:
    brain = replace(Brain.from_dict(snakemake.params.brain), role=snakemake.params.role)
    found = read_json(snakemake.input[0])
    annotation = check_annotation(brain, found["signal"]["shape"])
    # Those of the volumes were told when they were looked at.
    new = annotation["warnings"] + list(snakemake.params.beside)
    for warning in new:
        tell(warning)
    write_json(found | annotation | {"warnings": found["warnings"] + new}, snakemake.output[0])
