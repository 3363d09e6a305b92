"""The page of detection, made by its steps of a small brain."""

import base64
import io
import json
import shutil

import pandas as pd
import pytest
from html_page import TEN_MB, Page
from PIL import Image

from cellsift.detection import check_parameters, detect
from cellsift.errors import InputError
from cellsift.io.json_files import read_json, write_json
from cellsift.io.tables import read_table, write_table
from cellsift.labels.reached import recall_text
from cellsift.reporting.detection_views import load_views
from cellsift.results import Results
from cellsift.settings.brains import Brain
from cellsift.steps.brain import open_signal
from cellsift.steps.projection import projection
from cellsift.steps.show_detection import show_detection
from cellsift.steps.summarise_detection import summarise_detection
from cellsift.steps.try_detection import try_detection

SIZE = (5.0, 2.0, 2.0)
# The first finds most cells, the second next to none.
DETECTORS = {
    "good": {"method": "dog", **check_parameters("dog", soma_diameter=14)},
    "poor": {"method": "cellfinder", **check_parameters("cellfinder")},
}


@pytest.fixture(scope="module")
def brains(small_brains, tmp_path_factory) -> list[Brain]:
    """Two brains, the name of one of which could be taken for HTML; one is annotated in part."""
    folder = tmp_path_factory.mktemp("annotation")
    none = folder / "non_cells.csv"
    none.write_text("z,y,x\n1,1,1\n")
    return [
        Brain(
            f"{kind}.brain",
            str(small_brains / name / "signal"),
            SIZE,
            "train",
            cells=str(small_brains / name / "cells.csv"),
            non_cells=str(none) if kind == "good" else None,
            settings={
                "detection": {**detector, "keep": None},
                "matching": {"distance_um": 10.0},
                "voxel_size_in_files": "ignore",
            },
        )
        for (kind, detector), name in zip(DETECTORS.items(), ("mouse_1", "mouse_2"), strict=True)
    ]


@pytest.mark.parametrize(
    ("given", "said"), [(["a", "b"], r"\(a, b\) have candidates of their own"), ([], "annotated")]
)
def test_without_a_brain_to_detect_in_there_is_nothing_to_try(tmp_path, given, said):
    outputs = tmp_path / "summary.json", tmp_path / "curves.csv"
    with pytest.raises(InputError, match=said):
        summarise_detection([], [], [], None, 1, *outputs, print, given=given)
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def results(brains, tmp_path_factory) -> Results:
    """What the steps before the page have made of these brains."""
    results = Results(tmp_path_factory.mktemp("results"))
    files = [results.brain(brain.name) for brain in brains]
    for brain, at in zip(brains, files, strict=True):
        signal = open_signal(brain)
        write_table(detect(signal, **brain.detector), at.detected)
        write_json({"signal": {"shape": list(signal.shape)}}, at.preflight)
        projection(brain, [at.projection, at.slabs])
    summarise_detection(
        brains,
        [at.detected for at in files],
        [at.preflight for at in files],
        None,
        1,
        results.detection_summary,
        results.detection_curves,
        print,
    )
    for brain, at in zip(brains, files, strict=True):
        show_detection(brain, at.detected, results.detection_summary, at.detection_views)
    return results


@pytest.fixture(scope="module")
def page(brains, results) -> Page:
    try_detection(results, {b.name: b.detector for b in brains}, results.detection_page)
    return Page(results.detection_page)


def test_the_page_is_one_file_that_loads_nothing(page, results):
    assert results.detection_page.stat().st_size < TEN_MB
    assert not page.all("script")
    assert not page.all("link")
    assert all(tag["src"].startswith("data:image/") for tag in page.all("img"))
    assert all(tag["alt"] for tag in page.all("img"))
    assert len(page.all("figcaption")) == len(page.all("figure"))
    # The curves of both; of each brain its places, all of it, and its contrasts.
    assert len(page.all("img")) == 1 + 2 * 3


def test_the_page_says_what_the_tables_say(page, results):
    good, poor = read_json(results.detection_summary)["brains"]
    assert good["recall"] > 0.8 > poor["recall"]
    for brain in (good, poor):
        recall = recall_text(brain["reached"], brain["annotated"])
        assert page.text.count(f"recall of detection {recall}") == 1
        assert page.text.count(f"{recall} [") == 1
        cells = f"{brain['reached']} of {brain['annotated']} annotated cells have a candidate"
        assert cells in page.text
    assert "Change detection before you train anything" in page.text
    assert "n_sds_above_mean_thresh (now 10" in page.text
    assert "cannot be known" in page.text
    assert "not known" in page.text
    assert "nan" not in page.text.split()
    assert "None" not in page.text


def test_of_many_brains_the_worst_are_pictured(brains, results, tmp_path, monkeypatch):
    monkeypatch.setattr("cellsift.reporting.detection_page.MOST_PICTURED", 1)
    out = tmp_path / "detection.html"
    try_detection(results, {b.name: b.detector for b in brains}, out)
    page = Page(out)
    assert len(page.all("img")) == 1 + 3
    good, poor = (page.text.index(f"Brain {brain.name}") for brain in brains)
    assert good < page.text.index("No pictures") < poor


def test_what_was_tried_is_shown_where_there_was_a_search(brains, results, tmp_path):
    trials = pd.DataFrame(
        {
            "trial": [0, 1, 2],
            "method": ["dog", "cellfinder", "dog"],
            "recall": [0.97, 0.4, None],
            "candidates_per_cell": [2.5, 0.6, None],
            "loss": [1.0, 2.0, None],
            "state": ["complete", "complete", "fail"],
        }
    )
    write_table(trials, tmp_path / "trials.csv")
    group = {"group": "good.brain", "reached": 69, "annotated": 70, "candidates_per_cell": None}
    choice = {"trial": 0, "groups": [group], "notes": ["Few cells <are> annotated."]}
    write_json(choice, tmp_path / "chosen.json")
    (tmp_path / "chosen.yaml").write_text("detection:\n  method: dog  # <b>\n")
    tuned = {
        "trials": tmp_path / "trials.csv",
        "outcome": tmp_path / "chosen.json",
        "config": tmp_path / "chosen.yaml",
    }
    out = tmp_path / "detection.html"
    try_detection(results, {b.name: b.detector for b in brains}, out, tuned)
    page = Page(out)
    assert "What was tried to choose the detector" in page.text
    assert "Few cells <are> annotated." in page.text
    assert "method: dog  # <b>" in page.text
    assert "1 of 3 settings gave no result" in page.text
    assert "<td>70</td><td>0.98</td><td>–</td>" in "".join(out.read_text().split())
    assert len(page.all("img")) == 8


def test_a_wish_that_cannot_be_had_leaves_a_page_that_says_so(brains, results, tmp_path):
    folder = Results(shutil.copytree(results.path, tmp_path / "results"))
    files = [folder.brain(brain.name) for brain in brains]
    summarise_detection(
        brains,
        [at.detected for at in files],
        [at.preflight for at in files],
        {"recall": 0.99, "candidates_per_cell": None},
        1,
        folder.detection_summary,
        folder.detection_curves,
        print,
    )
    try_detection(folder, {b.name: b.detector for b in brains}, folder.detection_page)
    text = Page(folder.detection_page).text
    assert "What keep asks for cannot be had" in text
    assert "in brain poor.brain" in text
    assert "figures here are of all candidates" in text


def test_an_annotation_that_seems_to_lie_elsewhere_is_told_first(brains, results, tmp_path):
    """Detection is not to blame then."""
    good = brains[0]
    cells = pd.read_csv(good.cells)
    moved = tmp_path / "moved.csv"
    cells.rename(columns={"y": "x", "x": "y"}).to_csv(moved, index=False)
    swapped = Brain(**vars(good) | {"cells": str(moved)})
    at, told = results.brain(good.name), []
    paths = [tmp_path / name for name in ("summary.json", "curves.csv")]
    summarise_detection([swapped], [at.detected], [at.preflight], None, 1, *paths, told.append)
    assert any(str(moved) in said and "order" in said for said in told)
    (row,) = json.loads(paths[0].read_text())["brains"]
    assert row["warnings"] == told


def test_a_threshold_that_keeps_fewer_shows_fewer(brains, results, tmp_path):
    good, at = brains[0], results.brain(brains[0].name)
    summary = tmp_path / "summary.json"
    contrast = read_table(at.detected)["contrast"]
    write_json({"threshold": float(contrast.median())}, summary)
    show_detection(good, at.detected, summary, tmp_path / "views.npz")
    few, all_of_them = load_views(tmp_path / "views.npz"), load_views(at.detection_views)
    counts = [int((v.with_cell + v.without_cell).sum()) for v in (few, all_of_them)]
    assert counts == [(contrast >= contrast.median()).sum(), len(contrast)]


def test_a_missing_file_is_named_with_what_to_do_and_leaves_the_old_page(brains, results, tmp_path):
    folder = Results(shutil.copytree(results.path, tmp_path / "results"))
    folder.brain(brains[0].name).detection_views.unlink()
    folder.detection_page.parent.mkdir(exist_ok=True)
    folder.detection_page.write_text("old")
    with pytest.raises(InputError, match="views.npz: there is no such file; run the step"):
        try_detection(folder, {b.name: b.detector for b in brains}, folder.detection_page)
    assert folder.detection_page.read_text() == "old"


def test_pictures_are_no_larger_than_a_screen(page):
    for tag in page.all("img"):
        content = base64.b64decode(tag["src"].partition(",")[2])
        assert Image.open(io.BytesIO(content)).width <= 1600
