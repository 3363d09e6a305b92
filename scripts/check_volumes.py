"""Adapter of the rule check_volumes: refuse volumes that cannot be worked on."""

from pathlib import Path

from cellsift.brains_table import Brain
from cellsift.io.cores import limit_cores
from cellsift.io.whole import write_json
from cellsift.job import job
from cellsift.preflight import check_volumes

with job(snakemake.log[0], snakemake.wildcards) as tell:
    limit_cores(snakemake.threads)
    brain = Brain.from_dict(snakemake.params.brain)
    found = check_volumes(brain, snakemake.params.slabs)
    for warning in found["warnings"]:
        tell(warning)
    output = Path(snakemake.output[0])
    # Snakemake would make it before detection, and end the run of all brains where it cannot.
    (output.parent / "detection").mkdir(exist_ok=True)
    write_json(found, output)
