"""Adapter of the rule choose_contrast: the contrast that a candidate must have to be kept."""

from cellsift.brains_table import Brain
from cellsift.evaluation.detection_threshold import choose_contrast_threshold
from cellsift.io.cells import read_points
from cellsift.io.whole import read_table, write_json
from cellsift.job import job

with job(snakemake.log[0], snakemake.wildcards):
    brains = [Brain.from_dict(content) for content in snakemake.params.brains]
    keep = snakemake.params.keep
    if keep is None:
        write_json({"threshold": None}, snakemake.output[0])
    else:
        chosen = choose_contrast_threshold(
            {b.name: read_table(p) for b, p in zip(brains, snakemake.input, strict=True)},
            {brain.name: read_points(brain.cells, "cell") for brain in brains},
            {brain.name: brain.voxel_size for brain in brains},
            max(brain.settings["matching"]["distance_um"] for brain in brains),
            **keep,
            partial=[brain.name for brain in brains if brain.non_cells],
        )
        write_json(chosen, snakemake.output[0])
