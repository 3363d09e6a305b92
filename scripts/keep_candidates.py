"""Adapter of the rule keep_candidates: drop candidates below the chosen contrast."""

from cellsift.io.json_files import read_json
from cellsift.io.tables import read_table, write_table
from cellsift.workflow.job import job

with job(snakemake.log[0], snakemake.wildcards):
    candidates = read_table(snakemake.input.detected)
    threshold = read_json(snakemake.input.threshold)["threshold"]
    kept = candidates if threshold is None else candidates[candidates["contrast"] >= threshold]
    write_table(kept, snakemake.output[0])
    print(f"{len(kept)} of {len(candidates)} candidates kept")
