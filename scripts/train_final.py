"""Adapter of the rule train_final: one arm on all annotated brains, for a release."""

from pathlib import Path

from cellsift.workflow.job import job, wanted_device
from cellsift.settings.arms import Arm
from cellsift.steps.train_final import train_final
from cellsift.training.classification.files import FinalFiles
from cellsift.training.engine import RunOptions
from cellsift.workflow.progress_file import ProgressNotes
from cellsift.workflow.training_progress import TrainingDisplay

with job(snakemake.log[0], snakemake.wildcards):
    notes = ProgressNotes(snakemake.log[0])
    train_final(
        Arm.from_dict(snakemake.params.arm),
        snakemake.params.cuboids,
        dict(zip(snakemake.params.cuboids, snakemake.input.labels, strict=True)),
        snakemake.input.folds,
        snakemake.input.sidecars,
        FinalFiles(
            model=Path(snakemake.output.sidecar),
            history=Path(snakemake.output.history),
            curves=Path(snakemake.output.tensorboard),
            checkpoint=Path(snakemake.params.checkpoint),
            teacher=next(map(Path, snakemake.input.teacher), None),
            starting_point=next(map(Path, snakemake.input.starting_point), None),
        ),
        RunOptions(
            seed=snakemake.params.seed,
            device=wanted_device(snakemake),
            threads=snakemake.threads,
            code=snakemake.params.code,
            progress=TrainingDisplay(count_epochs=notes.counted("epoch")),
        ),
        chosen=next(iter(snakemake.input.chosen), None),
    )
