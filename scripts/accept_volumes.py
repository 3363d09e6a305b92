"""Adapter of the rule accept_volumes: refuse volumes that cannot be worked on."""

from pathlib import Path

from cellsift.errors import InputError
from cellsift.io.json_files import read_json, write_json
from cellsift.workflow.job import job

with job(snakemake.log[0], snakemake.wildcards):
    checked = read_json(snakemake.input[0])
    if "refused" in checked:
        raise InputError(checked["refused"])
    output = Path(snakemake.output[0])
    # Snakemake would make it before detection, and end the run of all brains where it cannot.
    (output.parent / "detection").mkdir(exist_ok=True)
    write_json(checked, output)
