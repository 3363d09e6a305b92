"""Adapter of the rule explain: where an arm looked, on telling examples."""

from pathlib import Path

from cellsift.cuboids.store import CuboidStore
from cellsift.explain.arm import explain_arm
from cellsift.inference.device import choose_device
from cellsift.io.tables import read_table
from cellsift.workflow.job import job, wanted_device

with job(snakemake.log[0], snakemake.wildcards):
    folds = read_table(snakemake.input.folds).set_index(["brain", "candidate"])["fold"]
    stores, cells = {}, {}
    for position, (brain, paths) in enumerate(snakemake.params.cuboids.items()):
        stores[brain] = CuboidStore.open(paths)
        cells[brain] = read_table(snakemake.input.cells[position])
        cells[brain]["label"] = read_table(snakemake.input.labels[position])["label"]
        if brain in folds.index:
            cells[brain]["fold"] = folds[brain]
    explain_arm(
        Path(snakemake.input.model).parent,
        stores,
        cells,
        Path(snakemake.output.chosen).parent,
        count=snakemake.params.examples,
        device=choose_device(wanted_device(snakemake)),
        title=snakemake.wildcards.arm,
    )
