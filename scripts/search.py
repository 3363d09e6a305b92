"""Adapter of the rule search: trials of one arm, without one fold or on all."""

from pathlib import Path

from cellsift.cuboids.store import CuboidStore
from cellsift.io.tables import read_table
from cellsift.settings.arms import Arm
from cellsift.training.search.trials import do_trials
from cellsift.workflow.job import job, wanted_device
from cellsift.workflow.progress_file import ProgressNotes

with job(snakemake.log[0], snakemake.wildcards):
    left_out = snakemake.wildcards.study.removeprefix("fold-")
    stores = snakemake.params.cuboids
    do_trials(
        Arm(**snakemake.params.arm),
        {brain: CuboidStore.open(paths) for brain, paths in stores.items()},
        read_table(snakemake.input.folds),
        None if left_out == "all" else int(left_out),
        Path(snakemake.output[0]).parent,
        job=int(snakemake.wildcards.job),
        seed=snakemake.params.seed,
        device=wanted_device(snakemake),
        threads=snakemake.threads,
        code=snakemake.params.code,
        watch=ProgressNotes(snakemake.log[0]).counted("trial"),
        starting_point=next(iter(snakemake.input.starting_point), None),
    )
