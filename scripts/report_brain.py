"""Adapter of the rule report_brain: the page of one brain."""

from cellsift.reporting.pages import write_brain
from cellsift.workflow.job import job

with job(snakemake.log[0], snakemake.wildcards):
    brain = snakemake.params.brain
    write_brain(
        snakemake.params.config["results"],
        brain["name"],
        {
            "role": snakemake.params.role,
            "cells": brain["cells"],
            "non_cells": brain["non_cells"],
            "cuboids": list(snakemake.input.cuboids),
        },
        snakemake.output[0],
        snakemake.params.config,
    )
