"""What the jobs of an annotation tell in the terminal, and note for the report."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

SCRIPTS = Path(__file__).resolve().parents[3] / "scripts"
# A rule's script finds its job under the name snakemake.
RUN = """
import json, sys, runpy
from types import SimpleNamespace
class Files(list):
    def __init__(self, named):
        super().__init__(named.values())
        self.__dict__.update(named)
job = json.loads(sys.argv[2])
given = {part: Files(job[part]) for part in ("input", "output", "log")}
runpy.run_path(
    sys.argv[1],
    {"snakemake": SimpleNamespace(
        **given, params=SimpleNamespace(**job["params"]), wildcards={"brain": "b"})},
)
"""


@pytest.fixture
def cells():
    return np.random.default_rng(1).uniform((1, 1, 1), (58, 198, 148), (60, 3)).round(2)


@pytest.fixture
def run(tmp_path):
    """A function that runs a rule's script; returns its exit code and what it tells the user."""

    def within(path):
        return str(tmp_path / path) if isinstance(path, str) else [within(one) for one in path]

    def go(script, inputs, outputs, **params):
        files = {
            "input": {name: within(path) for name, path in inputs.items()},
            "output": {name: within(path) for name, path in outputs.items()},
            "log": {"log": str(tmp_path / "log.txt")},
        }
        job = json.dumps(files | {"params": params})
        done = subprocess.run(
            [sys.executable, "-c", RUN, str(SCRIPTS / script), job],
            capture_output=True,
            text=True,
            env={"PYTHONPATH": str(SCRIPTS), "PATH": ""},
        )
        return done.returncode, done.stderr

    return go


def a_brain(tmp_path, cells):
    path = tmp_path / "people" / "annie" / "annotated.csv"
    path.parent.mkdir(parents=True)
    pd.DataFrame(cells, columns=["z", "y", "x"]).to_csv(path, index=False)
    return {
        "name": "b",
        "signal": "s.tif",
        "background": None,
        "cells": str(path),
        "non_cells": None,
        "voxel_size": [5, 2, 2],
        "settings": {"matching": {"distance_um": 10}},
    }


def volumes(tmp_path, warnings=()):
    found = {"brain": "b", "signal": {"shape": [60, 200, 150]}, "warnings": list(warnings)}
    (tmp_path / "volumes.json").write_text(json.dumps(found))


@pytest.mark.parametrize("order", ["zyx", "xyz"])
def test_label_tells_an_annotation_in_another_order(run, tmp_path, cells, order):
    pd.DataFrame(cells, columns=["z", "y", "x"]).to_csv(tmp_path / "candidates.csv", index=False)
    # Only some of the candidates are cells.
    some = cells[:40] if order == "zyx" else cells[:40, ::-1]
    volumes(tmp_path)
    code, told = run(
        "label.py",
        {"candidates": "candidates.csv", "found": "volumes.json", "choice": []},
        {
            "table": "labels.csv",
            "summary": "labels.json",
            "positions": "annotation.csv",
            "quality": "quality.csv",
        },
        brain=a_brain(tmp_path, some),
    )
    assert code == 0, told
    found = json.loads((tmp_path / "labels.json").read_text())
    assert told == "".join(f"Note: {sentence}\n" for sentence in found["told"])
    if order == "zyx":
        assert found["warnings"] == []
        assert told == (
            "Note: brain b: all 40 annotated cells have a candidate (recall of detection 1.00), "
            "1.5 candidates per cell\n"
        )
    else:
        # Detection is not blamed for it.
        assert found["detection_warnings"] == []
        (warning,) = found["warnings"]
        assert "in the order x, y, z instead of z, y, x" in warning
        assert found["told"][-1] == warning


def test_what_reaches_no_recall_for_its_annotation_is_told_so(run, tmp_path, cells):
    detected = pd.DataFrame(cells, columns=["z", "y", "x"]).assign(contrast=1.0)
    detected.to_csv(tmp_path / "detected.csv", index=False)
    volumes(tmp_path)
    code, told = run(
        "choose_contrast.py",
        {"detected": ["detected.csv"], "volumes": ["volumes.json"], "choice": []},
        {"threshold": "threshold.json"},
        brains=[a_brain(tmp_path, cells[:40, ::-1])],
        keep={"recall": 0.95},
    )
    assert code == 1
    note, _, error = told.partition("\nError: ")
    assert "in the order x, y, z instead of z, y, x" in note
    assert "the wished recall of detection, 0.95, cannot be reached" in error


def test_preflight_notes_doubts_of_volumes_and_annotation_and_tells_the_new_ones(
    run, tmp_path, cells
):
    volumes(tmp_path, ["a chunk is missing"])
    code, told = run(
        "preflight.py",
        {"volumes": "volumes.json"},
        {"found": "preflight.json"},
        brain=a_brain(tmp_path, np.concatenate([cells, cells[:3]])),
        role="train",
        shared=["its background is another's signal"],
    )
    assert code == 0, told
    found = json.loads((tmp_path / "preflight.json").read_text())
    assert found["annotated_cells"] == 60
    first, second, third = found["warnings"]
    assert first == "a chunk is missing"
    assert "3 rows repeat" in second
    assert told == f"Note: {second}\nNote: {third}\n"
