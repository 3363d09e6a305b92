"""Adapter of the rule projection: the brain seen from above, for its report."""

from cellsift.io.volumes import open_channel
from cellsift.reporting.projections import project_brain
from cellsift.settings.brains import Brain
from cellsift.workflow.job import job
from cellsift.workflow.reading_threads import limit_reading

with job(snakemake.log[0], snakemake.wildcards):
    limit_reading(snakemake.threads)
    brain = Brain.from_dict(snakemake.params.brain)
    signal, background = (open_channel(brain, column) for column in ("signal", "background"))
    project_brain(signal, background, snakemake.output[0])
