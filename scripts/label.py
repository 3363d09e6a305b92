"""Adapter of the rule label: tell by the annotation which candidates are cells."""

from cellsift.brains_table import Brain
from cellsift.evaluation.matching import label_candidates
from cellsift.evaluation.placement import doubts_of_placement
from cellsift.io.cells import read_points
from cellsift.io.whole import read_json, read_table, write_json, write_table
from cellsift.job import job

with job(snakemake.log[0], snakemake.wildcards) as tell:
    brain = Brain.from_dict(snakemake.params.brain)
    candidates, cells = read_table(snakemake.input.candidates), read_points(brain.cells, "cell")
    distance_um = brain.settings["matching"]["distance_um"]
    labelled, summary = label_candidates(
        candidates,
        cells,
        read_points(brain.non_cells, "no_cell") if brain.non_cells else None,
        brain.voxel_size,
        distance_um,
    )
    axes = ["z", "y", "x"]
    shape = read_json(snakemake.input.found)["signal"]["shape"]
    doubts = doubts_of_placement(
        candidates[axes].to_numpy(), cells[axes].to_numpy(), brain.voxel_size, distance_um, shape
    )
    summary["warnings"] = [f"brain {brain.name}, cells: {brain.cells}: {said}" for said in doubts]
    for warning in summary["warnings"]:
        tell(warning)
    write_table(labelled, snakemake.output.table)
    write_json(summary, snakemake.output.summary)
