"""Adapter of the rule label: tell by the annotation which candidates are cells."""

from cellsift.io.cells import read_points
from cellsift.io.json_files import read_json, write_json
from cellsift.io.tables import read_table, write_table
from cellsift.labels.matching import label_candidates
from cellsift.settings.brains import Brain
from cellsift.workflow.job import job

with job(snakemake.log[0], snakemake.wildcards) as tell:
    brain = Brain.from_dict(snakemake.params.brain)
    labelled, summary = label_candidates(
        read_table(snakemake.input.candidates),
        read_points(brain.cells, "cell"),
        read_points(brain.non_cells, "no_cell") if brain.non_cells else None,
        brain.voxel_size,
        brain.settings["matching"]["distance_um"],
        read_json(snakemake.input.found)["signal"]["shape"],
    )
    whose = f"brain {brain.name}, cells: {brain.cells}"
    summary["warnings"] = [f"{whose}: {said}" for said in summary["warnings"]]
    for warning in summary["warnings"]:
        tell(warning)
    write_table(labelled, snakemake.output.table)
    write_json(summary, snakemake.output.summary)
