"""The page of what to annotate next: what, why, and how to answer."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from html_page import TEN_MB, Page
from synthetic_results import make_results

from cellsift.io.axes import AXES
from cellsift.io.json_files import write_json
from cellsift.io.tables import read_table, write_table
from cellsift.reporting.projections import Projection
from cellsift.reporting.tissue_boxes import boxes_with_tissue
from cellsift.results import Results
from cellsift.steps.show_suggestions import show_suggestions

BRAIN = "mouse_d"
WHY = ["random"] * 30 + ["doubtful"] * 5 + ["disagreement"] * 3 + ["variety"] * 2


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> Results:
    return Results(make_results(tmp_path_factory.mktemp("suggested")).folder)


def suggested(
    results: Results, why: list[str], blocks: int, role: str = "predict", wanted: tuple = ()
) -> Page:
    """Write what is suggested, and the page on it."""
    files, brain = results.suggestions(BRAIN), results.brain(BRAIN)
    rows = np.arange(len(why)) * 2
    table = read_table(brain.candidates).loc[rows, AXES].assign(why=why, candidate=rows)
    write_table(table.assign(suggestion=rows // 2 + 1), files.candidates)
    corners = {"z0": 0, "y0": 10, "x0": 20, "z1": 36, "y1": 60, "x1": 70, "probability": 0.25}
    listed = pd.DataFrame([{"block": 4 + n} | corners for n in range(blocks)])
    write_table(listed if blocks else pd.DataFrame(columns=["block", *corners]), files.blocks)
    counts = {name: why.count(name) for name in dict.fromkeys(why)}
    known = {"round": 2, "why": counts, "answers_belong_in": "my annotations/mouse_d"}
    write_json(known, brain.suggested)
    write_json({"labels": 41, "blocks": 3}, brain.sample_summary)
    page = results.suggestions_page(BRAIN)
    cuboids = [brain.cuboids(1, 1)]
    show_suggestions(results.path, BRAIN, role, "data/mouse_d/signal", cuboids, page, wanted)
    assert page.stat().st_size < TEN_MB
    return Page(page)


@pytest.mark.slow
def test_it_shows_what_is_suggested_and_how_to_answer_in_three_ways(results):
    page = suggested(results, WHY, blocks=1)
    alternatives = [tag["alt"] for tag in page.all("img")]
    assert alternatives == [
        *(f"Suggestions: {why}" for why in dict.fromkeys(WHY)),
        "Where the blocks lie in the brain",
    ]
    text = " ".join(page.text.split())
    assert "Round 2: 40 candidates" in text
    assert "30 of them drawn at random, and 1 block of tissue" in text
    assert "Labelled before: 41 candidates, 3 blocks." in text
    assert "Random, the first 24 of 30." in text
    assert "Only the 30 drawn at random, and the blocks, tell how many cells there are" in text
    for part in (
        "napari: open data/mouse_d/signal",
        "candidates.xml",
        "my annotations/mouse_d/candidates..YOU.csv",
        "my annotations/mouse_d/looked_at..YOU.xml",
        "label_studio.json",
        "block-1.tif",
        "They tell how far the counts of this brain can be trusted",
    ):
        assert part in text
    assert not page.all("script")


@pytest.mark.slow
def test_where_all_are_drawn_at_random_nothing_is_said_of_others(results):
    page = suggested(results, ["random"] * 5, blocks=1)
    assert "5 of them drawn at random" in page.text
    assert "random: 1" not in page.text


@pytest.mark.slow
def test_where_labels_do_not_count_it_says_so_and_what_to_change(results):
    wanted = ("predict", BRAIN)
    text = " ".join(suggested(results, WHY, 1, "test", wanted).text.split())
    assert "they do not count here" in text
    assert "write counts: {corrected: [predict, mouse_d]} in the config" in text
    assert "no test of that any more" in text
    assert "They tell how far" not in text


@pytest.mark.slow
def test_with_nothing_left_it_says_so(results):
    page = suggested(results, [], blocks=0)
    assert "There is no candidate that is not labelled yet." in page.text
    assert "No block was drawn." in page.text
    assert not page.all("img")


def test_boxes_beside_the_tissue_are_dark_in_one_of_the_views():
    top = np.full((1, 40, 60), 100, np.uint16)
    front = np.full((1, 10, 60), 100, np.uint16)
    top[:, 20:, :] = 1000
    front[:, :, 30:] = 1000
    projection = Projection(top, front, (20, 40, 120), (5.0, 2.0, 2.0), (2, 1, 2))
    corners = [(z, y, x) for z in (0, 10) for y in (0, 20) for x in (0, 60)]
    boxes = pd.DataFrame(
        [(z, y, x, z + 10, y + 20, x + 60) for z, y, x in corners],
        columns=["z0", "y0", "x0", "z1", "y1", "x1"],
    )
    bright = boxes_with_tissue(projection, boxes)
    assert [corner for corner, lit in zip(corners, bright, strict=True) if lit] == [
        (0, 20, 60),
        (10, 20, 60),
    ]


def test_files_that_the_page_names_are_those_of_the_folder(results):
    assert results.suggestions(BRAIN).candidates == Path(
        results.path, "suggestions", BRAIN, "candidates.csv"
    )
