"""Adapter of the rule cost: what an arm costs on this machine."""

import pandas as pd

from cellsift.inference.cost import measure_cost
from cellsift.io.json_files import read_json, write_json
from cellsift.io.tables import read_table
from cellsift.workflow.job import job, wanted_device

with job(snakemake.log[0], snakemake.wildcards):
    sidecar = read_json(snakemake.input.sidecar)
    cost = measure_cost(
        sidecar["architecture"],
        sidecar["options"],
        sidecar["in_channels"],
        sidecar["cuboid"]["shape"],
        history=pd.concat([read_table(path) for path in snakemake.input.histories]),
        device=wanted_device(snakemake),
        threads=snakemake.threads,
    )
    write_json({"arm": snakemake.wildcards.arm, **cost}, snakemake.output[0])
