"""Adapter of the rule show_detection: where a brain's cells are found, and where missed."""

from cellsift.workflow.job import job
from cellsift.settings.choice import brain_of
from cellsift.steps.show_detection import show_detection
from cellsift.workflow.detection_resources import resources_of
from cellsift.workflow.reading_threads import limit_reading

with job(snakemake.log[0], snakemake.wildcards):
    limit_reading(snakemake.threads)
    show_detection(
        brain_of(snakemake.params.brain, snakemake.input.choice),
        snakemake.input.detected,
        snakemake.input.summary,
        snakemake.output[0],
        resources=resources_of(snakemake),
    )
