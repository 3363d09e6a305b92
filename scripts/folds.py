"""Adapter of the rule folds: deal the labelled candidates of the train brains into folds."""

import pandas as pd

from cellsift.io.tables import read_table, write_table
from cellsift.labels.folds import assign_folds, candidates_in_um, cuboid_extent_um
from cellsift.settings.brains import Brain
from cellsift.workflow.job import job

with job(snakemake.log[0], snakemake.wildcards):
    brains = [Brain.from_dict(content) for content in snakemake.params.brains]
    rows = [
        candidates_in_um(brain.name, read_table(path), brain.voxel_size)
        for brain, path in zip(brains, snakemake.input, strict=True)
    ]
    extent = cuboid_extent_um(
        **brains[0].settings["cuboid"], data_voxel_sizes=[brain.voxel_size for brain in brains]
    )
    table = assign_folds(
        pd.concat(rows, ignore_index=True), cuboid_extent_um=extent, **snakemake.params.training
    )
    write_table(table, snakemake.output[0])
