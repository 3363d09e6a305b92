"""A whole run with a brain that is unlike the train brains: the terminal and the pages say so."""

import pytest

from cellsift.io.json_files import read_json
from checkout import Checkout

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def run(finished, tmp_path_factory) -> tuple[Checkout, str]:
    """The finished run with two brains more, one of them of voxels of another size; its output."""
    checkout = Checkout.copied(finished.folder, tmp_path_factory.mktemp("copy") / "checkout")
    like, foreign = (checkout.row(name, "predict", source="mouse_3") for name in ("like", "odd"))
    checkout.write_table(like, foreign.replace("\t5\t2\t2\t", "\t12\t6\t6\t"))
    code, output = checkout.run("--cores", "2")
    assert code == 0, output
    return checkout, output


def test_the_terminal_names_the_foreign_brain_and_no_other(run):
    _, output = run
    (said,) = [line for line in output.splitlines() if " is unlike the train brains: " in line]
    assert said.startswith("Note: brain odd is unlike the train brains: ")
    assert "its voxels are of another size" in said
    assert "Annotate what snakemake suggest" in said
    assert "brain odd: unmeasured, " in output
    assert "brain like: unmeasured" not in output


def test_its_page_and_the_index_carry_the_alarm(run):
    checkout, _ = run
    reports = checkout.results / "reports"
    assert "Alarm: This brain is unlike" in (reports / "brains" / "odd.html").read_text()
    assert "cells, unmeasured" in (reports / "brains" / "odd.html").read_text()
    assert "Unmeasured, and no result: about" in (reports / "brains" / "odd.html").read_text()
    assert "Alarm:" not in (reports / "brains" / "like.html").read_text()
    # The index does not wait for brains to predict: what it lacked was written in at the end.
    index = (reports / "index.html").read_text()
    assert 'Alarm: <a href="brains/odd.html">odd</a>' in index
    assert index.count(", unmeasured</td>") == 1
    assert "brains/like.html" in index


def test_brains_of_the_cohort_raise_none(run):
    checkout, _ = run
    found = {
        name: read_json(checkout.results / "brains" / name / "alarm.json")
        for name in ("mouse_1", "mouse_2", "mouse_3", "like", "odd")
    }
    assert {name: document["alarm"] for name, document in found.items()} == dict.fromkeys(
        ("mouse_1", "mouse_2", "mouse_3", "like"), False
    ) | {"odd": True}


def test_nothing_is_left_to_do(run):
    """Although the index page was written once more after its job."""
    checkout, _ = run
    assert checkout.planned() == []
