"""Adapter of the rule folds: deal the labelled candidates of the train brains into folds."""

import numpy as np
import pandas as pd

from cellsift.configuration import Brain
from cellsift.io.whole import read_table, write_table
from cellsift.job import job
from cellsift.training.folds import assign_folds


def rows(brain: Brain, path: str) -> pd.DataFrame:
    """A brain's labelled candidates with positions in µm."""
    labels = read_table(path)
    microns = labels[["z", "y", "x"]].to_numpy() * brain.voxel_size
    table = pd.DataFrame(microns, columns=["z_um", "y_um", "x_um"])
    return table.assign(brain=brain.name, candidate=np.arange(len(table)), label=labels["label"])


with job(snakemake.log[0]):
    brains = [Brain.from_dict(content) for content in snakemake.params.brains]
    table = pd.concat(
        [rows(brain, path) for brain, path in zip(brains, snakemake.input, strict=True)],
        ignore_index=True,
    )
    cuboid = brains[0].settings["cuboid"]
    extent = tuple(np.multiply(cuboid["shape"], cuboid["voxel_size"]))
    table = assign_folds(table, cuboid_extent_um=extent, **snakemake.params.training)
    write_table(table, snakemake.output[0])
