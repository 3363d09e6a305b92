"""Adapter of the rule classify: p_cell of every candidate of a brain by one arm."""

from pathlib import Path

import numpy as np
import pandas as pd

from cellsift.cuboids.store import CuboidStore
from cellsift.inference.classify import classify_brain, score_brain
from cellsift.inference.trained_arm import load_arm
from cellsift.io.cells import write_cells_xml
from cellsift.io.tables import read_table, write_array, write_table
from cellsift.workflow.job import job, wanted_device

with job(snakemake.log[0], snakemake.wildcards):
    known, logits = None, None
    if snakemake.input.scores:
        known = pd.concat([read_table(path) for path in snakemake.input.scores])
        known = known[known["brain"] == snakemake.wildcards.brain]
    if snakemake.input.logits:
        logits = np.concatenate([np.load(path) for path in snakemake.input.logits])
    arm = load_arm(Path(snakemake.input.model).parent)
    store = CuboidStore.open(snakemake.input.cuboids)
    logits = score_brain(
        arm,
        store,
        known,
        logits=logits,
        device=wanted_device(snakemake),
        threads=snakemake.threads,
        progress=True,
    )
    write_array(logits, snakemake.output.logits)
    cells = classify_brain(arm, store, logits=logits)
    write_table(cells, snakemake.output.table)
    write_cells_xml(cells, snakemake.output.xml)
    print(f"{cells['is_cell'].sum()} of {len(cells)} candidates are cells")
