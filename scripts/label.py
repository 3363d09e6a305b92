"""Adapter of the rule label: tell by the annotation which candidates are cells."""

from cellsift.brains_table import Brain
from cellsift.evaluation.matching import label_candidates
from cellsift.io.cells import read_points
from cellsift.io.whole import read_table, write_json, write_table
from cellsift.job import job

with job(snakemake.log[0], snakemake.wildcards):
    brain = Brain.from_dict(snakemake.params.brain)
    labelled, summary = label_candidates(
        read_table(snakemake.input[0]),
        read_points(brain.cells, "cell"),
        read_points(brain.non_cells, "no_cell") if brain.non_cells else None,
        brain.voxel_size,
        brain.settings["matching"]["distance_um"],
    )
    write_table(labelled, snakemake.output.table)
    write_json(summary, snakemake.output.summary)
