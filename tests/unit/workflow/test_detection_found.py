"""What a run says that has tried detection alone."""

from pathlib import Path

import pytest

from cellsift.io.json_files import write_json
from cellsift.results import Results
from cellsift.workflow.detection_found import detection_message
from cellsift.workflow.run_end import success_message

BRAIN = {
    "brain": "695",
    "partial": False,
    "annotated": 443,
    "candidates": 1059,
    "reached": 437,
    "missed": 6,
    "recall": 437 / 443,
    "low": 0.97,
    "high": 0.9961,
    "candidates_per_cell": 2.39,
}
PART = BRAIN | {"brain": "in_part", "partial": True, "candidates_per_cell": None}
NONE = BRAIN | {"brain": "bare", "annotated": 0, "reached": 0, "candidates_per_cell": None}
NONE |= dict.fromkeys(("recall", "low", "high"))


@pytest.fixture
def results(tmp_path, monkeypatch) -> Results:
    monkeypatch.chdir(tmp_path)
    results = Results("my results")
    write(results)
    results.detection_page.parent.mkdir(parents=True)
    results.detection_page.touch()
    return results


def write(results: Results, refused: str | None = None) -> None:
    write_json({"refused": refused, "brains": [BRAIN, PART, NONE]}, results.detection_summary)


def test_a_table_tells_of_each_brain_and_where_the_page_is(results):
    head, first, second, third = detection_message(results).splitlines()[1:5]
    assert head.split()[:3] == ["brain", "annotated", "cells"]
    assert first.split() == ["695", "443", "1059", "0.98", "[0.97,", "1.00]", "2.39", "6"]
    assert "not known" in second
    assert third.split()[:4] == ["bare", "0", "1059", "–"]
    assert len({len(line) for line in (head, first, second, third)}) == 1
    address = f"{Path.cwd().as_uri()}/my%20results/reports/detection.html"
    assert detection_message(results).endswith(f"open {address}")


def test_a_wish_that_cannot_be_had_is_told_below_the_table(results):
    write(results, "the wished recall cannot be reached")
    said = detection_message(results)
    assert "What keep asks for cannot be had: the wished recall cannot be reached." in said
    assert said.index("695") < said.index("cannot be had") < said.index("detection.html")


def test_a_run_for_the_page_ends_with_it_and_a_whole_run_does_not(results):
    page = str(results.detection_page)
    assert success_message(results, [page]) == detection_message(results)
    results.index_page.touch()
    whole = success_message(results, [page, str(results.index_page)])
    assert whole.startswith("The report is in")
