"""Adapter of the rule train: one arm with one fold held out."""

from pathlib import Path

from cellsift.workflow.job import job, wanted_device
from cellsift.settings.arms import Arm
from cellsift.steps.train import train
from cellsift.training.classification.files import FoldFiles
from cellsift.training.engine import RunOptions
from cellsift.workflow.progress_file import ProgressNotes
from cellsift.workflow.training_progress import TrainingDisplay

with job(snakemake.log[0], snakemake.wildcards):
    notes = ProgressNotes(snakemake.log[0])
    train(
        Arm.from_dict(snakemake.params.arm),
        snakemake.params.cuboids,
        snakemake.input.folds,
        int(snakemake.wildcards.fold),
        FoldFiles(
            model=Path(snakemake.output.sidecar),
            history=Path(snakemake.output.history),
            scores=Path(snakemake.output.scores),
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
