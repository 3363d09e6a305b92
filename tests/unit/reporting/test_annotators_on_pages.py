"""How good an annotation is, and how far annotators agree, stands where arms are judged by it."""

import pandas as pd
import pytest
from synthetic_results import make_results

from cellsift.io.json_files import read_json, write_json
from cellsift.io.tables import read_table, write_table
from cellsift.reporting import brain_page, index_page
from cellsift.reporting.annotators import ANNOTATORS
from cellsift.reporting.run_results import RunResults
from cellsift.results import Results

BRAIN = "mouse_c"


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    """Results of brains that one annotator has annotated."""
    return make_results(tmp_path_factory.mktemp("one"), cells=30)


@pytest.fixture(scope="module")
def several(tmp_path_factory):
    """The same with two annotators of the test brain, one image of which is in conflict."""
    made = make_results(tmp_path_factory.mktemp("several"), cells=30)
    results = Results(made.folder)
    files = results.brain(BRAIN)
    agreed = {"f1": 0.8, "low": 0.7, "high": 0.87, "annotators": ["anna", "ben"], "pairs": 1}
    summary = {"annotators": ["anna", "ben"], "in_doubt": 4, "agreement": agreed, "complete": False}
    summary |= {"marked": {"anna": 31, "ben": 27}, "agreed_on": 24}
    write_json(read_json(files.labels_summary) | summary, files.labels_summary)
    quality = read_table(files.annotation_quality)
    images = pd.concat([quality, quality], ignore_index=True)
    images["image"], images["annotators"] = ["a.png", "b.png"], "anna ben"
    images["status"], images["excluded"] = ["fully annotated", "conflicting"], ["no", "part"]
    images["why"] = ["", "they disagree"]
    write_table(images, files.annotation_quality)
    rows = [("all test brains", "test"), (BRAIN, "test")]
    table = pd.DataFrame(rows, columns=["brain", "role"]).assign(
        metric="f1", value=0.8, low=0.7, high=0.87, annotators="anna ben"
    )
    write_table(table, results.evaluation("agreement"))
    return made


def run(made) -> RunResults:
    return RunResults(made.folder, made.configuration)


def page_of(made) -> brain_page.BrainResults:
    return brain_page.BrainResults(run(made), BRAIN, made.information[BRAIN])


def test_the_agreement_is_a_row_beside_the_arms_and_said_to_be_a_ceiling(several):
    said = index_page.end_to_end(run(several))
    assert f">{ANNOTATORS}<" in said
    assert "0.80 [0.70, 0.87]" in said
    assert "dashed line" in said
    assert "the band its 95% interval" in said
    assert "no arm can be expected to do better" in said


def test_without_several_annotators_nothing_is_said_of_them(one):
    said = index_page.end_to_end(run(one))
    assert ANNOTATORS not in said
    assert "dashed" not in said
    assert "annotators" not in brain_page.facts(page_of(one))


def test_the_page_of_a_brain_says_who_agrees_and_what_is_left_out(several):
    said = brain_page.facts(page_of(several))
    assert "Annotators: anna and ben agree with an F1 of 0.80 (95% interval 0.70 to 0.87)" in said
    assert "anna 31, ben 27; 24 agreed on" in said
    assert "4 positions are in doubt" in said
    assert ">conflicting<" in said
    assert ">part: they disagree<" in said
    assert ">anna, ben<" in said
    assert "all its cells in some planes" in said
    assert "This brain is annotated in part" in brain_page.counted(page_of(several))


def test_called_cells_that_nobody_can_judge_are_no_false_alarms_in_pictures(one, tmp_path):
    brain = page_of(make_results(tmp_path, cells=30))
    labels = read_table(brain.paths.labels)
    shown = []
    for judged in (True, False):
        write_table(labels.assign(judged=judged), brain.paths.labels)
        fresh = brain_page.BrainResults(brain.results, BRAIN, brain.information)
        outcomes = brain_page.outcomes(fresh)
        shown.append({arm: set(table["outcome"]) for arm, table in outcomes.items()})
    assert any("false_alarm" in found for found in shown[0].values())
    assert not any("false_alarm" in found for found in shown[1].values())


def test_the_page_says_which_labels_count_for_intervals(one, tmp_path):
    known = {"labels": 40, "random": 20, "blocks": 1, "block_cells": 5, "unsure": 0}
    for at_random, there in ((20, True), (40, False)):
        path = tmp_path / f"{at_random}.json"
        write_json(known | {"random": at_random, "contradicting": []}, path)
        more = one.information[BRAIN] | {"sample": str(path)}
        said = brain_page.facts(brain_page.BrainResults(run(one), BRAIN, more))
        assert f"40 candidates, {at_random} of them drawn at random" in said
        assert ("the only ones that count for intervals" in said) == there
