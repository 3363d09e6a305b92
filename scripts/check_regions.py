"""Adapter of the rule check_regions: refuse an image of regions that does not fit its brain."""

from cellsift.workflow.job import job
from cellsift.settings.brains import Brain
from cellsift.steps.check_regions import check_regions

with job(snakemake.log[0], snakemake.wildcards) as tell:
    check_regions(
        Brain.from_dict(snakemake.params.brain), snakemake.input[0], snakemake.output[0], tell
    )
