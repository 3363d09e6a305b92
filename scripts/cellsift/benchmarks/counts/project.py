"""A project in which all but counting is done: scores of realistic number, made up as tables."""

from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from scipy.special import expit

from cellsift.annotation.drawing import CORNERS, draw_blocks, draw_candidates
from cellsift.benchmarks.coverage.brains import KINDS, ScoredBrain, draw_brain
from cellsift.benchmarks.starts.large_project import ROLES, write_large_project
from cellsift.io.axes import AXES
from cellsift.io.json_files import write_json
from cellsift.io.names import CELL, NO_CELL
from cellsift.io.tables import write_table
from cellsift.results import AnnotationFolder, BrainFolder, Results

ARMS = ["features", "resnet_narrow", "slice_mil_narrow"]
# Of a mouse brain under a light sheet: voxels z, y, x, and their size in µm.
SHAPE, VOXEL_SIZE = (2400, 5000, 4000), (5.0, 2.0, 2.0)
KIND = KINDS[0]
# Of each counted brain, where people have labelled some.
LABELS, BLOCKS, BLOCK_UM = 50, 3, 150.0
THRESHOLD = 0.5
# How far what is marked as a cell lies beside its candidate, voxels.
BESIDE = 0.5


def write_project(
    folder: Path, root: Path, brains: int, candidates: int, labelled: bool
) -> tuple[Path, list[Path]]:
    """Write a project below `folder` whose brains are classified.

    It has two train brains and a test brain of its own beside those to be counted, all with so many
    candidates. `root` is the checkout that it is run in, to which its paths are relative.

    Returns the file of its config and the files that counting is to make.
    """
    config = write_large_project(folder, root, len(ROLES) + brains)
    annotations = folder / "annotations"
    more = {"arms": ARMS, "annotation": {"folder": str(annotations.relative_to(root))}}
    config.write_text(yaml.safe_dump(yaml.safe_load(config.read_text()) | more))
    results = Results(folder / "results")
    for arm in ARMS:
        calibration = {"threshold": THRESHOLD, "criterion": "f1", "f1": 0.9}
        write_json(
            {"threshold": THRESHOLD, "calibration": calibration}, results.model(arm).description
        )
    names = [f"brain_{number:03d}" for number in range(len(ROLES) + brains)]
    folds = []
    for seed, name in enumerate(names):
        random = np.random.default_rng(seed)
        brain = draw_brain(KIND, candidates, random)
        places = pd.DataFrame(random.uniform(0, SHAPE, (candidates, 3)).round(2), columns=AXES)
        files = results.brain(name)
        _write_scores(files, brain, places, random)
        if seed < len(ROLES):
            _write_labels(files, brain, places)
            folds.append(
                pd.DataFrame({"brain": name, "fold": seed, "candidate": range(candidates)})
            )
        elif labelled:
            answers = AnnotationFolder(annotations / name).path / "answers.csv"
            answers.parent.mkdir(parents=True)
            # That there are answers is all that matters: what `sample` makes of them is written.
            answers.touch()
            _write_sample(files, brain, places, seed)
    write_table(pd.concat(folds, ignore_index=True), results.folds)
    return config, [results.brain(name).count for name in names[len(ROLES) :]]


def _write_scores(
    files: BrainFolder, brain: ScoredBrain, places: pd.DataFrame, random: np.random.Generator
) -> None:
    """What classification writes: each arm sees the same with an error of its own."""
    write_json({"signal": {"shape": list(SHAPE)}, "warnings": []}, files.volumes)
    write_json({"alarm": False}, files.alarm)
    for arm in ARMS:
        p_cell = expit(brain.logits + random.normal(0, 0.3, len(places))).round(6)
        write_table(places.assign(p_cell=p_cell, is_cell=p_cell >= THRESHOLD), files.cells(arm))


def _write_labels(files: BrainFolder, brain: ScoredBrain, places: pd.DataFrame) -> None:
    """What `label` writes of a brain whose cells are all annotated."""
    label = np.where(brain.is_cell, CELL, NO_CELL)
    write_table(places.assign(label=label, judged=True), files.labels)
    reached = int(brain.is_cell.sum())
    found = {"annotated": brain.cells, "reached": reached}
    write_json(found | {"complete": True, "where_complete": found}, files.labels_summary)


def _write_sample(files: BrainFolder, brain: ScoredBrain, places: pd.DataFrame, seed: int) -> None:
    """What `sample` writes: candidates and blocks, drawn as `suggest` does, with the truth."""
    p_cell, at = expit(brain.logits), places.to_numpy()
    rows, probability = draw_candidates(p_cell, LABELS, seed)
    label = np.where(brain.is_cell[rows], CELL, NO_CELL)
    table = pd.DataFrame({"candidate": rows, "label": label, "weight": 1 / probability})
    write_table(table, files.sample)
    blocks = draw_blocks(SHAPE, VOXEL_SIZE, at, p_cell, BLOCKS, BLOCK_UM, seed)
    write_table(blocks.assign(weight=1 / blocks["probability"]), files.sample_blocks)
    marked = []
    for block in blocks.to_dict("records"):
        low, high = (np.array([block[name] for name in of]) for of in (CORNERS[:3], CORNERS[3:]))
        inside = ((at >= low) & (at < high)).all(axis=1) & brain.is_cell
        cells = np.clip(at[inside] + BESIDE, low, high - 1)
        marked.append(pd.DataFrame(cells, columns=AXES).assign(block=block["block"], kind=CELL))
    write_table(pd.concat(marked, ignore_index=True), files.sample_block_cells)
    write_json({"labels": len(table), "blocks": len(blocks)}, files.sample_summary)
