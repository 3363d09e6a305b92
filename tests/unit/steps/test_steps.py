"""The steps one after the other on a small brain, without Snakemake."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest

from cellsift.cuboids.store import CuboidStore
from cellsift.errors import InputError
from cellsift.io.tables import read_table, write_table
from cellsift.results import Results
from cellsift.settings.brains import Brain
from cellsift.steps.accept_volumes import accept_volumes
from cellsift.steps.check_volumes import check_volumes
from cellsift.steps.choose_contrast import choose_contrast
from cellsift.steps.cuboids import cuboids
from cellsift.steps.detect import detect
from cellsift.steps.detect_slab import detect_slab
from cellsift.steps.evaluate import evaluate
from cellsift.steps.folds import folds
from cellsift.steps.keep_candidates import keep_candidates
from cellsift.steps.label import label
from cellsift.steps.preflight import preflight
from cellsift.steps.projection import projection
from cellsift.steps.scores import scores_of_brain

SETTINGS = {
    "cuboid": {"shape": [12, 17, 17], "voxel_size": [5, 3, 3]},
    "detection": {"method": "dog", "soma_diameter": 14, "keep": {"recall": 0.8}},
    "matching": {"distance_um": 10},
    "intensity_range": None,
    "voxel_size_in_files": "check",
}


def a_brain(folder, **changes) -> Brain:
    content = {
        "name": "mouse",
        "signal": str(folder / "signal"),
        "background": str(folder / "background"),
        "cells": str(folder / "cells.csv"),
        "non_cells": None,
        "voxel_size": [5, 2, 2],
        "settings": SETTINGS,
    }
    return Brain.from_dict(content | changes, "train")


@pytest.fixture(scope="module")
def brain(small_brains) -> Brain:
    return a_brain(small_brains / "mouse_1")


@pytest.fixture(scope="module")
def results(tmp_path_factory, brain) -> Results:
    """A folder in which the steps up to the labels of one brain were done, in two slabs."""
    results = Results(tmp_path_factory.mktemp("results"))
    files, said = results.brain(brain.name), []
    check_volumes(brain, 2, files.checked, said.append)
    accept_volumes(files.checked, files.volumes)
    preflight(brain, files.volumes, ["beside another"], files.preflight, said.append)
    for slab in (0, 1):
        detect_slab(brain, slab, 2, files.slab("detect", slab))
    detect(brain, [files.slab("detect", slab) for slab in (0, 1)], files.detected)
    choose_contrast(
        [brain],
        [files.detected],
        [files.volumes],
        {"recall": 0.8},
        results.contrast_threshold,
        said.append,
    )
    keep_candidates(files.detected, results.contrast_threshold, files.candidates)
    label(
        brain,
        files.candidates,
        files.preflight,
        files.labels,
        files.labels_summary,
        said.append,
    )
    assert said[0] == "beside another"
    assert said[1:] == json.loads(files.labels_summary.read_text())["told"]
    return results


def test_what_was_found_and_told_is_noted(results, brain):
    found = json.loads(results.brain(brain.name).preflight.read_text())
    assert found["signal"]["shape"] == [28, 150, 180]
    assert found["annotated_cells"] == 70
    assert found["warnings"] == ["beside another"]


def test_recall_and_candidates_per_cell_are_told_as_soon_as_they_are_known(results, brain):
    found = json.loads(results.brain(brain.name).labels_summary.read_text())
    line, warning = found["told"]
    assert line.startswith(
        f"brain mouse: {found['reached']} of 70 annotated cells have a candidate"
    )
    assert f"{found['candidates'] / 70:.1f} candidates per cell" in line
    # Only 0.8 was asked for.
    assert warning.startswith("brain mouse: Detection misses too much")
    assert found["detection_warnings"] == [warning]


@pytest.mark.parametrize("count", [1, 19, 20])
def test_of_few_annotated_cells_the_recall_is_told_with_its_interval(
    results, brain, tmp_path, count
):
    files, few = results.brain(brain.name), tmp_path / "few.csv"
    pd.read_csv(brain.cells).head(count).to_csv(few, index=False)
    said = []
    label(
        dataclasses.replace(brain, cells=str(few)),
        files.candidates,
        files.preflight,
        tmp_path / "labels.csv",
        tmp_path / "labels.json",
        said.append,
    )
    assert ("95% interval" in said[0]) == (count < 20)


def test_candidates_do_not_depend_on_the_slabs(results, brain, tmp_path):
    detect_slab(brain, 0, 1, tmp_path / "whole.npz")
    detect(brain, [tmp_path / "whole.npz"], tmp_path / "detected.csv")
    files = results.brain(brain.name)
    assert (tmp_path / "detected.csv").read_bytes() == files.detected.read_bytes()


def test_what_is_kept_reaches_the_recall_that_was_asked_for(results, brain):
    files = results.brain(brain.name)
    threshold = json.loads(results.contrast_threshold.read_text())["threshold"]
    detected, kept = read_table(files.detected), read_table(files.candidates)
    assert len(kept) == (detected["contrast"] >= threshold).sum()
    assert json.loads(files.labels_summary.read_text())["recall"] >= 0.8
    assert set(read_table(files.labels)["label"]) >= {"cell", "no_cell"}


def test_all_are_kept_where_the_config_keeps_all(results, brain, tmp_path):
    files = results.brain(brain.name)
    out = tmp_path / "threshold.json"
    choose_contrast([brain], [files.detected], [files.volumes], None, out, print)
    keep_candidates(files.detected, out, tmp_path / "candidates.csv")
    assert (tmp_path / "candidates.csv").read_bytes() == files.detected.read_bytes()


def test_a_chunk_holds_its_candidates_alone(results, brain, tmp_path):
    candidates = results.brain(brain.name).candidates
    paths = [tmp_path / f"{chunk}-of-2.zarr" for chunk in (1, 2)]
    for chunk, path in enumerate(paths, 1):
        cuboids(brain, candidates, chunk, 2, path, 10**9)
    store = CuboidStore.open(paths)
    np.testing.assert_array_equal(store.positions, read_table(candidates)[["z", "y", "x"]])
    assert (store.channels, tuple(store.shape)) == (2, (12, 17, 17))


def test_folds_hold_every_candidate_once(results, brain, tmp_path):
    files = results.brain(brain.name)
    folds([brain], [files.labels], [files.labels_summary], 2, "auto", tmp_path / "folds.csv")
    table = read_table(tmp_path / "folds.csv")
    assert len(table) == len(read_table(results.brain(brain.name).labels))
    assert set(table["fold"]) == {0, 1}


def test_folds_that_detection_leaves_empty_are_refused_with_that_cause(results, brain, tmp_path):
    nothing, files = read_table(results.brain(brain.name).candidates).head(0), {}
    write_table(nothing, tmp_path / "candidates.csv")
    for kind in ("csv", "json"):
        files[kind] = tmp_path / f"labels.{kind}"
    found = results.brain(brain.name).preflight
    label(brain, tmp_path / "candidates.csv", found, files["csv"], files["json"], print)
    with pytest.raises(InputError, match="brain mouse has no candidate for 70 annotated cells"):
        folds([brain], [files["csv"]], [files["json"]], 2, "auto", tmp_path / "folds.csv")


def test_a_brain_without_background_is_projected_alone(brain, small_brains, tmp_path):
    projection(
        a_brain(small_brains / "mouse_1", background=None),
        [tmp_path / "one.npz", tmp_path / "slabs_1.npz"],
    )
    projection(brain, [tmp_path / "two.npz", tmp_path / "slabs_2.npz"])
    channels = [len(np.load(tmp_path / f"{name}.npz")["top"]) for name in ("one", "two")]
    assert channels == [1, 2]


def test_arms_are_evaluated_by_brain_and_name(results, brain, tmp_path):
    labels = results.brain(brain.name).labels
    table = read_table(labels)
    is_cell = table["label"] == "cell"
    cells, models = {}, {}
    for arm, called in (("right", is_cell), ("wrong", ~is_cell)):
        scored = table[["z", "y", "x"]].assign(p_cell=called.astype(float), is_cell=called)
        cells[brain.name, arm] = tmp_path / f"{arm}.csv"
        models[arm] = tmp_path / f"{arm}.json"
        write_table(scored, cells[brain.name, arm])
        models[arm].write_text(json.dumps({"threshold": 0.5}))
    out = [tmp_path / "classification.csv", tmp_path / "failures.csv"]
    volumes = tmp_path / "volumes.json"
    volumes.write_text(json.dumps({"signal": {"shape": [40, 100, 100]}}))
    evaluate([brain], [labels], models, cells, 1, out, [volumes])
    assert "distance to the volume's border" in set(read_table(out[1])["by"])
    found = read_table(out[0]).query("metric == 'accuracy' and role == 'train'")
    accuracy = found.set_index("arm")["value"]
    assert accuracy["right"] > accuracy["wrong"]


def test_volumes_that_are_refused_are_noted_and_then_refused(small_brains, tmp_path):
    brain = a_brain(small_brains / "mouse_1", signal=str(tmp_path / "absent"))
    results = Results(tmp_path).brain(brain.name)
    check_volumes(brain, 1, results.checked, print)
    with pytest.raises(InputError, match="absent"):
        accept_volumes(results.checked, results.volumes)
    assert not results.volumes.exists()


def test_out_of_fold_scores_are_those_of_the_brain(tmp_path):
    for fold, brains in enumerate((["a", "b"], ["b"])):
        table = pd.DataFrame({"brain": brains, "candidate": fold, "logit": 0.5})
        write_table(table, tmp_path / f"{fold}.csv")
    paths = [tmp_path / "0.csv", tmp_path / "1.csv"]
    assert scores_of_brain([], "b") is None
    assert scores_of_brain(paths, "b")["candidate"].tolist() == [0, 1]
    assert scores_of_brain(paths, "c").empty
