"""Adapter of the rule check_volumes: note what volumes are, or why they cannot be worked on."""

from cellsift.errors import InputError
from cellsift.io.json_files import write_json
from cellsift.preflight.volumes import check_volumes
from cellsift.settings.brains import Brain
from cellsift.workflow.job import job
from cellsift.workflow.reading_threads import limit_reading

with job(snakemake.log[0], snakemake.wildcards) as tell:
    limit_reading(snakemake.threads)
    brain = Brain.from_dict(snakemake.params.brain)
    try:
        found = check_volumes(brain, snakemake.params.slabs)
    except InputError as problem:
        found = {"brain": brain.name, "refused": str(problem), "warnings": []}
    for warning in found["warnings"]:
        tell(warning)
    write_json(found, snakemake.output[0])
