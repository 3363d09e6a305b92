"""Adapter of the rule train: one arm with one fold held out."""

from pathlib import Path

from cellsift.cuboids.store import CuboidStore
from cellsift.io.tables import read_table
from cellsift.settings.arms import Arm
from cellsift.training.classification.loop import train_fold
from cellsift.training.search.choice import with_chosen_recipe
from cellsift.workflow.job import job, wanted_device
from cellsift.workflow.progress_file import ProgressNotes

with job(snakemake.log[0], snakemake.wildcards):
    fold = int(snakemake.wildcards.fold)
    stores = snakemake.params.cuboids
    history = Path(snakemake.output.history)
    # Snakemake removes declared outputs before a job starts; this file has to survive a kill.
    checkpoint = history.parents[2] / "checkpoints" / snakemake.wildcards.arm / f"fold-{fold}.pt"
    train_fold(
        with_chosen_recipe(Arm(**snakemake.params.arm), next(iter(snakemake.input.chosen), None)),
        {brain: CuboidStore.open(paths) for brain, paths in stores.items()},
        read_table(snakemake.input.folds),
        fold,
        model_folder=Path(snakemake.output.weights).parent,
        training_folder=history.parent,
        checkpoint=checkpoint,
        seed=snakemake.params.seed,
        device=wanted_device(snakemake),
        threads=snakemake.threads,
        code=snakemake.params.code,
        watch=ProgressNotes(snakemake.log[0]).counted("epoch"),
        teacher=next(iter(snakemake.input.teacher), None),
        starting_point=next(iter(snakemake.input.starting_point), None),
    )
