"""A brain with no candidate, or with one, goes through all steps from cuboids to its page."""

from pathlib import Path

import dask.array as da
import nbformat
import numpy as np
import pandas as pd
import pytest
import torch
from synthetic_results import SHAPE, SKILL, VOXEL_SIZE, make_results

from cellsift.calibration.description import write_description
from cellsift.cuboids.chunks import rows_of_chunk
from cellsift.cuboids.extraction import extract_cuboids
from cellsift.cuboids.normalisation import Normalisation
from cellsift.cuboids.store import CuboidStore
from cellsift.evaluation.summary import AnnotatedBrain, evaluate_project
from cellsift.inference.classify import classify_brain, score_chunk
from cellsift.io.cells import read_points, write_cells_xml
from cellsift.io.json_files import write_json
from cellsift.io.tables import read_table, write_table
from cellsift.io.volumes import Volume
from cellsift.labels.matching import label_candidates
from cellsift.models import create_model
from cellsift.models.storage import save_model
from cellsift.reporting.pages import REPORTS

CHUNKS = 2
CUBOID, CUBOID_VOXEL = (10, 24, 24), (5.0, 2.0, 2.0)
FEW = ("mouse_b", "mouse_c", "mouse_d")

pytestmark = pytest.mark.slow


def write_models(folder: Path) -> Path:
    torch.manual_seed(0)
    sidecar = {
        "architecture": "resnet",
        "options": {"depth": 18, "width": 4},
        "in_channels": 2,
        "cuboid": {"shape": list(CUBOID), "voxel_size": list(CUBOID_VOXEL)},
        "normalisation": Normalisation.named("brain").to_dict(),
        "provenance": {},
    }
    model = create_model("resnet", 2, CUBOID, depth=18, width=4)
    write_description(
        folder,
        [save_model(folder / "fold-0.json", model, sidecar)],
        {"temperature": 1.0, "threshold": 0.5},
    )
    return folder


def classify(folder: Path, models: Path, count: int) -> list[str]:
    """Cut and classify a brain's `count` candidates, read from its table; returns its stores."""
    write_table(pd.DataFrame([(18.0, 70.0, 90.0)], columns=list("zyx"))[:count], folder / "few.csv")
    positions = read_table(folder / "few.csv")[list("zyx")].to_numpy()
    voxels = np.random.default_rng(0).integers(0, 900, (2, *SHAPE), dtype=np.uint16)
    volumes = [Volume(da.from_array(channel), VOXEL_SIZE, str(folder)) for channel in voxels]
    paths = [str(folder / "cuboids" / f"{n}-of-{CHUNKS}.zarr") for n in range(1, CHUNKS + 1)]
    for chunk, path in enumerate(paths, start=1):
        rows = rows_of_chunk(count, chunk, CHUNKS)
        extract_cuboids(*volumes, positions[rows], CUBOID, CUBOID_VOXEL, path)
    store = CuboidStore.open(paths)
    for arm in SKILL:
        logits = [score_chunk(models, store, chunk, CHUNKS) for chunk in range(1, CHUNKS + 1)]
        cells = classify_brain(models, store, logits=np.concatenate(logits))
        assert len(cells) == count
        write_table(cells, folder / arm / "cells.csv")
        write_cells_xml(cells, folder / arm / "cells.xml")
        assert len(read_points(folder / arm / "cells.xml", "all")) == count
    return paths


def few_in(made, name: str, models: Path, count: int) -> None:
    """Leave a brain of the made results with so few candidates, classified and labelled."""
    folder, information = made.folder / "brains" / name, made.information[name]
    information["cuboids"] = classify(folder, models, count)
    candidates = read_table(folder / "few.csv").assign(contrast=1.0)
    write_table(candidates, folder / "candidates.csv")
    if information["cells"]:
        annotation = read_points(information["cells"], "cell")
        labels, summary = label_candidates(candidates, annotation, None, VOXEL_SIZE, 10.0)
        write_table(labels.assign(judged=True), folder / "labels.csv")
        write_json(summary | {"complete": True}, folder / "labels.json")


def annotated_brain(made, name: str) -> AnnotatedBrain:
    labels = read_table(made.folder / "brains" / name / "labels.csv")
    annotation = read_points(made.information[name]["cells"], "cell")
    role, candidates = made.information[name]["role"], labels.drop(columns=["label", "judged"])
    return AnnotatedBrain(
        name, role, candidates, labels["label"], annotation, None, VOXEL_SIZE, 10.0
    )


@pytest.mark.parametrize("count", [0, 1])
def test_few_candidates_get_through_classification_evaluation_and_report(tmp_path, count):
    made = make_results(tmp_path, cells=30)
    models = write_models(tmp_path / "models")
    for name in FEW:
        few_in(made, name, models, count)
    annotated = [annotated_brain(made, name) for name in ("mouse_a", "mouse_b", "mouse_c")]
    assert [len(brain.candidates) > 1 for brain in annotated] == [True, False, False]
    scored = {
        arm: {
            brain.name: read_table(made.folder / "brains" / brain.name / arm / "cells.csv")
            for brain in annotated
        }
        for arm in SKILL
    }
    tables = evaluate_project(annotated, scored, dict.fromkeys(SKILL, 0.5), seed=1, resamples=20)
    found = tables["end_to_end"]
    recall = found[(found["metric"] == "recall") & found["brain"].isin(FEW)]
    assert len(recall)
    assert recall["value"].max() < 0.1
    for name in FEW:
        run_page(made, name)


def run_page(made, brain: str) -> None:
    variables = {}
    for cell in nbformat.read(REPORTS / "brain.ipynb", as_version=4).cells:
        if cell.cell_type == "code":
            exec(cell.source, variables)
        if "parameters" in cell.metadata.get("tags", []):
            variables |= {
                "results": str(made.folder),
                "brain": brain,
                "information": made.information[brain],
                "configuration": made.configuration,
            }
