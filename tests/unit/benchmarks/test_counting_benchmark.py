"""What counting takes is measured on brains that can be counted, and told on a page."""

import json

import pytest

from cellsift.benchmarks.counts.__main__ import main
from cellsift.benchmarks.counts.page import Counted, describe
from cellsift.benchmarks.counts.project import ARMS, BLOCKS, LABELS, VOXEL_SIZE, write_project
from cellsift.benchmarks.starts.measuring import Took
from cellsift.io.tables import read_table
from cellsift.project.reading import read_project
from cellsift.results import Results
from cellsift.settings.brains import Brain
from cellsift.settings.files import REPOSITORY
from cellsift.steps.count import count

TRAIN = ["brain_000", "brain_001"]


@pytest.fixture
def made(tmp_path, monkeypatch):
    """A labelled project of one brain to be counted, its config and its results."""
    for name in ("config", "workflow"):
        (tmp_path / name).symlink_to(REPOSITORY / name)
    config, counts = write_project(tmp_path / "made", tmp_path, 1, 2000, labelled=True)
    monkeypatch.chdir(tmp_path)
    return read_project(config), counts, Results(tmp_path / "made" / "results")


def test_the_brains_of_the_project_are_counted_by_scores_labels_and_blocks(made):
    project, (path,), results = made
    assert list(project.arms) == ARMS
    files = results.brain(path.parent.name)
    count(
        Brain(path.parent.name, "signal", VOXEL_SIZE, settings={"matching": {"distance_um": 10}}),
        {arm: files.cells(arm) for arm in ARMS},
        {arm: results.model(arm).description for arm in ARMS},
        {
            "labels": {name: results.brain(name).labels for name in TRAIN},
            "summaries": {name: results.brain(name).labels_summary for name in TRAIN},
            "cells": {
                (name, arm): results.brain(name).cells(arm) for name in TRAIN for arm in ARMS
            },
            "folds": results.folds,
        },
        {
            "volumes": files.volumes,
            "sample": [files.sample, files.sample_blocks, files.sample_block_cells],
            "answers": files.sample_summary,
            "alarm": files.alarm,
        },
        1,
        files.counts,
        path,
        lambda said: None,
        wish={"blocks": 3, "block_um": 150},
    )
    assert json.loads(path.read_text())["train_brains"] == TRAIN
    table = read_table(files.counts).query("region == 'all'")
    assert set(table["blocks"]) == {BLOCKS}
    assert set(table["labels"]) == {LABELS}
    assert (table["in_blocks"] > 0).all()
    assert (table["low"] < table["high"]).all()


def test_the_page_has_the_longest_job_and_the_highest_memory():
    runs = [
        Counted(labelled, Took(80.0, 48.6), [3.0, 4.5], [210.0, 1234.0])
        for labelled in (False, True)
    ]
    page = describe(runs, 100_000, 2, "2026-01-01; a machine.", "abc")
    assert "2026-01-01; a machine. Commit abc.\n" in page
    assert "2 others, all with 100,000 candidates scored by 3 arms" in page
    assert "| without labels | 49 | 80 | 4.5 | 1,234 MB |" in page
    assert f"| {LABELS} labels and {BLOCKS} blocks of each | 49 |" in page


def test_what_cannot_be_measured_is_refused(capsys):
    assert main(["--brains", "0"]) == 2
    assert "--brains" in capsys.readouterr().err
