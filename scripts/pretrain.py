"""Adapter of the rule pretrain: a backbone from the cuboids of many brains, without labels."""

from pathlib import Path

from cellsift.workflow.job import job, wanted_device
from cellsift.settings.pretraining import Pretraining
from cellsift.steps.pretrain import pretrain
from cellsift.training.engine import RunOptions
from cellsift.workflow.progress_file import ProgressNotes
from cellsift.workflow.training_progress import TrainingDisplay

with job(snakemake.log[0], snakemake.wildcards):
    notes = ProgressNotes(snakemake.log[0])
    pretrain(
        Pretraining.from_dict(snakemake.params.pretraining),
        snakemake.params.cuboids,
        snakemake.output,
        Path(snakemake.params.checkpoint),
        RunOptions(
            seed=snakemake.params.seed,
            device=wanted_device(snakemake),
            threads=snakemake.threads,
            code=snakemake.params.code,
            progress=TrainingDisplay(count_epochs=notes.counted("epoch")),
        ),
    )
