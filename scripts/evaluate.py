"""Adapter of the rule evaluate: all tables that compare the arms."""

from pathlib import Path

from cellsift.evaluation.summary import AnnotatedBrain, evaluate_project
from cellsift.io.cells import read_points
from cellsift.io.json_files import read_json
from cellsift.io.tables import read_table, write_table
from cellsift.settings.brains import Brain
from cellsift.workflow.job import job

with job(snakemake.log[0], snakemake.wildcards):
    folder = Path(snakemake.output[0]).parent
    results = folder.parent
    annotated, cells = [], {arm: {} for arm in snakemake.params.arms}
    for content in snakemake.params.brains:
        brain = Brain.from_dict(content)
        place = results / "brains" / brain.name
        labels = read_table(place / "labels.csv")
        annotated.append(
            AnnotatedBrain(
                name=brain.name,
                role=snakemake.params.roles[brain.name],
                candidates=labels.drop(columns="label"),
                labels=labels["label"],
                annotation=read_points(brain.cells, "cell"),
                non_cells=read_points(brain.non_cells, "no_cell") if brain.non_cells else None,
                voxel_size=brain.voxel_size,
                distance_um=brain.settings["matching"]["distance_um"],
            )
        )
        for arm in cells:
            cells[arm][brain.name] = read_table(place / arm / "cells.csv")
    thresholds = {
        arm: read_json(results / "models" / arm / "model.json")["threshold"] for arm in cells
    }
    tables = evaluate_project(annotated, cells, thresholds, seed=snakemake.params.seed)
    for path in map(Path, snakemake.output):
        write_table(tables[path.stem], path)
