"""Adapter of the rule classify_ensemble: p_cell of a brain's candidates by members' logits."""

from pathlib import Path

import numpy as np

from cellsift.inference.members import classify_by_members
from cellsift.io.cells import write_cells_xml
from cellsift.io.names import AXES
from cellsift.io.tables import read_table, write_table
from cellsift.workflow.job import job

with job(snakemake.log[0], snakemake.wildcards):
    known = None
    if snakemake.input.scores:
        known = read_table(snakemake.input.scores)
        known = known[known["brain"] == snakemake.wildcards.brain]
    cells = classify_by_members(
        Path(snakemake.input.model).parent,
        read_table(snakemake.input.cells[0])[AXES].to_numpy(),
        {Path(path).parent.name: np.load(path) for path in snakemake.input.logits},
        known,
    )
    write_table(cells, snakemake.output.table)
    write_cells_xml(cells, snakemake.output.xml)
    print(f"{cells['is_cell'].sum()} of {len(cells)} candidates are cells")
