"""Adapter of the rule tune_detection: search for a detector and its parameters."""

from cellsift.workflow.job import job
from cellsift.settings.brains import Brain
from cellsift.steps.tune_detection import tune_detection
from cellsift.workflow.detection_resources import resources_of
from cellsift.workflow.progress_file import ProgressNotes
from cellsift.workflow.reading_threads import limit_reading

with job(snakemake.log[0]):
    limit_reading(snakemake.threads)
    tune_detection(
        [Brain.from_dict(content) for content in snakemake.params.brains],
        snakemake.output,
        snakemake.params.journal,
        snakemake.params.seed,
        code=snakemake.params.code,
        told=ProgressNotes(snakemake.log[0]).counted("trial"),
        resources=resources_of(snakemake),
    )
