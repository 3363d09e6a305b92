"""The viewer of a brain's page: which marks it has, and what a reader sees when they move it."""

import base64
import json
import re

import numpy as np
import pandas as pd
import pytest

from cellsift.evaluation.counts.along_thresholds import thresholds_to_compare
from cellsift.reporting.slabs import Slabs
from cellsift.reporting.viewer import (
    ANNOTATED,
    ARTEFACT,
    MOST_BYTES,
    NOT_PROPOSED,
    UNKNOWN,
    Shown,
    marks_of,
    viewer,
)

DEPTH = 12


def slabs(number: int = 4, side: int = 40) -> Slabs:
    pictures = np.random.default_rng(0).integers(0, 255, (number, side, side), dtype=np.uint8)
    edges = np.linspace(0, DEPTH, number + 1).astype(int)
    return Slabs(pictures, edges, (5.0, 2.0, 2.0), (1, 1), np.zeros((1, DEPTH, 6)))


def shown(own: float = 0.5) -> Shown:
    thresholds = thresholds_to_compare(own)
    numbers = np.linspace(90, 10, len(thresholds))
    names = ("called", "cells_low", "cells", "cells_high", "found_low", "found", "found_high")
    return Shown(own, {"threshold": thresholds.tolist(), **dict.fromkeys(names, numbers.tolist())})


def candidates(p_cell, own=0.5, z=None) -> pd.DataFrame:
    p_cell = np.asarray(p_cell, float)
    z = np.arange(len(p_cell)) % DEPTH if z is None else z
    return pd.DataFrame({"z": z, "y": 7.0, "x": 9.0, "p_cell": p_cell, "is_cell": p_cell >= own})


def data_of(page: str) -> dict:
    return json.loads(re.search(r'class="viewer-data">(.*?)</script>', page)[1])


def unpacked(slab: dict, name: str, kind=np.uint8) -> np.ndarray:
    return np.frombuffer(base64.b64decode(slab[name]), kind)


def test_a_candidate_is_called_at_the_thresholds_that_it_reaches():
    own = 0.123
    scored = {"arm": candidates([0.05, 0.123, 0.5, 0.999], own)}
    reached = marks_of(scored, {"arm": shown(own)}).reached["arm"]
    thresholds = thresholds_to_compare(own)
    for at, threshold in enumerate(thresholds):
        assert ((reached > at) == (scored["arm"]["p_cell"] >= threshold)).all()


def test_at_its_own_threshold_an_arm_calls_what_its_table_says_whatever_was_rounded():
    own = 0.4000004
    table = candidates([0.4, 0.4, 0.3], own).assign(is_cell=[True, False, False])
    at = int(np.searchsorted(thresholds_to_compare(own), own))
    reached = marks_of({"arm": table}, {"arm": shown(own)}).reached["arm"]
    assert (reached > at).tolist() == [True, False, False]


def test_marks_know_what_people_annotated():
    labels = pd.Series(["cell", "no_cell", "ambiguous", "cell"])
    judged = np.array([True, True, True, False])
    scored = {"arm": candidates([0.9] * 4)}
    marks = marks_of(scored, {"arm": shown()}, labels, judged, np.array([[3.0, 4, 5]]))
    expected = [ANNOTATED, ARTEFACT, UNKNOWN, UNKNOWN, NOT_PROPOSED]
    assert marks.kind.tolist() == expected
    assert marks.positions[-1].tolist() == [3, 4, 5]


def test_every_mark_lies_in_its_slab_and_at_its_place():
    scored = {"arm": candidates([0.9] * DEPTH)}
    found = data_of(
        viewer(slabs(), marks_of(scored, {"arm": shown()}), {"arm": shown()}, "arm", "")
    )
    assert [slab["planes"] for slab in found["slabs"]] == [[0, 2], [3, 5], [6, 8], [9, 11]]
    assert [len(unpacked(slab, "kind")) for slab in found["slabs"]] == [3] * 4
    assert found["slabs"][1]["depth"] == [15, 30]
    # In the middle of voxel 7 and 9, in sixteenths of a pixel.
    assert unpacked(found["slabs"][0], "y", "<u2").tolist() == [120] * 3
    assert unpacked(found["slabs"][0], "x", "<u2").tolist() == [152] * 3


def test_a_million_candidates_leave_room_on_the_page():
    random = np.random.default_rng(1)
    table = candidates(random.random(10**6), z=random.integers(0, DEPTH, 10**6))
    arms = {f"arm {number}": shown() for number in range(6)}
    page = viewer(slabs(12), marks_of(dict.fromkeys(arms, table), arms), arms, "arm 0", "")
    assert len(page) < 2 * MOST_BYTES
    found = data_of(page)
    assert 1 <= len(found["slabs"]) < 12
    assert found["left_out"] == 12 - len(found["slabs"])


def test_a_name_cannot_end_the_data():
    name = "</script><b>x"
    page = viewer(
        slabs(), marks_of({name: candidates([0.9])}, {name: shown()}), {name: shown()}, name, ""
    )
    assert name in data_of(page)["arms"]


@pytest.fixture
def page(tmp_path):
    arms = {"one": shown(0.5), "two": shown(0.25)}
    scored = {
        "one": candidates([0.9, 0.6, 0.4, 0.1], z=[0, 0, 0, 5]),
        "two": candidates([0.9, 0.2, 0.2, 0.1], own=0.25, z=[0, 0, 0, 5]),
    }
    labels = pd.Series(["cell", "no_cell", "cell", "no_cell"])
    marks = marks_of(scored, arms, labels, None, np.array([[11.0, 5, 5]]))
    path = tmp_path / "page.html"
    content = viewer(slabs(), marks, arms, "two", "No result.")
    path.write_text(f'<!DOCTYPE html><meta charset="utf-8"><main>{content}</main>')
    return path


def legend(page) -> str:
    page.wait_for_timeout(200)
    return page.locator(".legend").inner_text()


def move(page, name: str, to: int) -> None:
    page.locator(name).evaluate(
        "(input, to) => { input.value = to; input.dispatchEvent(new Event('input')); }", to
    )


@pytest.mark.slow
class TestInBrowser:
    def test_it_starts_with_the_named_arm_at_its_own_threshold(self, page, opened):
        shown_page = opened(page)
        said = shown_page.locator(".told").inner_text()
        assert "at p_cell from 0.25 on, the arm's own threshold" in said
        assert said.endswith("No result.")
        assert shown_page.complaints == []

    def test_the_slider_changes_what_is_called(self, page, opened):
        shown_page = opened(page)
        shown_page.locator(".arm").select_option("one")
        move(shown_page, "[aria-label='slab of planes']", 0)
        assert "annotated cell, called" in (seen := legend(shown_page))
        assert "called a cell, not annotated" in seen
        assert "annotated cell, not called" in seen
        move(shown_page, ".threshold", 94)
        assert "from 0.95 on." in shown_page.locator(".told").inner_text()
        seen = legend(shown_page)
        assert "annotated cell, called" not in seen
        assert "candidate, not called" in seen
        shown_page.get_by_role("button").click()
        assert "the arm's own threshold" in shown_page.locator(".told").inner_text()
        assert shown_page.complaints == []

    def test_a_candidate_is_drawn_as_called_up_to_the_threshold_that_it_reaches(self, page, opened):
        """The only artefact that may be called has p_cell 0.6."""
        shown_page = opened(page)
        shown_page.locator(".arm").select_option("one")
        move(shown_page, "[aria-label='slab of planes']", 0)
        move(shown_page, ".threshold", 59)
        assert "from 0.6 on" in shown_page.locator(".told").inner_text()
        assert "called a cell, not annotated" in legend(shown_page)
        move(shown_page, ".threshold", 60)
        assert "called a cell, not annotated" not in legend(shown_page)

    def test_slabs_are_stepped_through(self, page, opened):
        shown_page = opened(page)
        move(shown_page, "[aria-label='slab of planes']", 3)
        assert shown_page.locator(".where").inner_text() == "planes 9 to 11, 45 to 60 µm"
        assert legend(shown_page) == "+ annotated cell, no candidate"

    @pytest.mark.parametrize("width", [1280, 800, 360])
    def test_nothing_overflows(self, width, page, opened):
        shown_page = opened(page, width)
        shown_page.wait_for_timeout(200)
        assert shown_page.evaluate("document.documentElement.scrollWidth") <= width
