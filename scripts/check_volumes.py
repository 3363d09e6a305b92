"""Adapter of the rule check_volumes: note what volumes are, or why they cannot be worked on."""

from cellsift.workflow.job import job
from cellsift.settings.brains import Brain
from cellsift.steps.check_volumes import check_volumes
from cellsift.workflow.reading_threads import limit_reading

with job(snakemake.log[0], snakemake.wildcards) as tell:
    limit_reading(snakemake.threads)
    check_volumes(
        Brain.from_dict(snakemake.params.brain), snakemake.params.slabs, snakemake.output[0], tell
    )
