"""Adapter of the rule choose_contrast: the contrast that a candidate must have to be kept."""

from pathlib import Path

from cellsift.errors import InputError
from cellsift.evaluation.detection_threshold import choose_contrast_threshold
from cellsift.io.cells import read_points
from cellsift.io.json_files import read_json, write_json
from cellsift.io.tables import read_table
from cellsift.labels.placement import doubts_of_placement
from cellsift.settings.brains import Brain
from cellsift.workflow.job import job


def tell_doubts(tell, brain: Brain, detected: Path, cells, distance_um: float) -> None:
    """Say which annotation seems to lie elsewhere: what detection misses may not be its fault."""
    axes = ["z", "y", "x"]
    candidates, annotated = read_table(detected)[axes].to_numpy(), cells[axes].to_numpy()
    shape = read_json(detected.with_name("volumes.json"))["signal"]["shape"]
    for said in doubts_of_placement(candidates, annotated, brain.voxel_size, distance_um, shape):
        tell(f"brain {brain.name}, cells: {brain.cells}: {said}")


with job(snakemake.log[0], snakemake.wildcards) as tell:
    brains = [Brain.from_dict(content) for content in snakemake.params.brains]
    keep = snakemake.params.keep
    if keep is None:
        write_json({"threshold": None}, snakemake.output[0])
    else:
        annotated = {brain.name: read_points(brain.cells, "cell") for brain in brains}
        distance_um = max(brain.settings["matching"]["distance_um"] for brain in brains)
        paths = dict(zip(annotated, map(Path, snakemake.input), strict=True))
        try:
            chosen = choose_contrast_threshold(
                {name: read_table(path) for name, path in paths.items()},
                annotated,
                {brain.name: brain.voxel_size for brain in brains},
                distance_um,
                **keep,
                partial=[brain.name for brain in brains if brain.non_cells],
            )
        except InputError:
            # Otherwise the rule label says so.
            for brain in brains:
                tell_doubts(tell, brain, paths[brain.name], annotated[brain.name], distance_um)
            raise
        write_json(chosen, snakemake.output[0])
