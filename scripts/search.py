"""Adapter of the rule search: trials of one arm, without one fold or on all."""

from pathlib import Path

from cellsift.workflow.job import job, wanted_device
from cellsift.settings.arms import Arm
from cellsift.steps.search import search
from cellsift.training.engine import RunOptions
from cellsift.training.search.files import SearchFiles
from cellsift.workflow.progress_file import ProgressNotes
from cellsift.workflow.training_progress import TrainingDisplay

with job(snakemake.log[0], snakemake.wildcards):
    notes = ProgressNotes(snakemake.log[0])
    search(
        Arm.from_dict(snakemake.params.arm),
        snakemake.params.cuboids,
        snakemake.input.folds,
        snakemake.wildcards.study,
        SearchFiles(
            Path(snakemake.output[0]),
            int(snakemake.wildcards.job),
            next(map(Path, snakemake.input.starting_point), None),
        ),
        RunOptions(
            seed=snakemake.params.seed,
            device=wanted_device(snakemake),
            threads=snakemake.threads,
            code=snakemake.params.code,
            progress=TrainingDisplay(count_trials=notes.counted("trial")),
        ),
    )
