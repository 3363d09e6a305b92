"""Adapter of the rule preflight: refuse a brain that cannot be worked on, or note what it is."""

from pathlib import Path

from cellsift.configuration import Brain
from cellsift.io.whole import write_json
from cellsift.job import job
from cellsift.preflight import check_brain, warnings

with job(snakemake.log[0], snakemake.wildcards):
    brain = Brain.from_dict(snakemake.params.brain)
    found = check_brain(brain)
    print(*warnings(found), sep="\n")
    output = Path(snakemake.output[0])
    # Snakemake makes the folders of a job's files itself, and ends the whole run where it cannot.
    for folder in ("detection", "cuboids", *snakemake.config["arms"]):
        (output.parent / folder).mkdir(exist_ok=True)
    write_json(found, output)
