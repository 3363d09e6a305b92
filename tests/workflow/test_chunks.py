"""A brain that is cut into chunks has the cells of the undivided one, and leaves no cuboids."""

import pytest

from checkout import Checkout

pytestmark = pytest.mark.slow

# The same volume as mouse_3's, which is cut in one piece.
SETTINGS = {"jobs_per_brain": {"cuboids": 3}}


@pytest.fixture(scope="module")
def divided(finished, tmp_path_factory):
    """The finished run, gone on with two brains to predict, one of them in three chunks."""
    checkout = Checkout.copied(finished.folder, tmp_path_factory.mktemp("divided") / "checkout")
    checkout.write_table(
        checkout.row("mouse_4", "predict", source="mouse_3"),
        checkout.row("mouse_5", "predict", source="mouse_3"),
    )
    checkout.write_config("small.yaml", keep_cuboids=False, brains={"mouse_4": SETTINGS})
    planned = checkout.planned()
    code, output = checkout.run("--cores", "2")
    assert code == 0, output
    checkout.jobs = planned
    return checkout


def test_cells_are_those_of_the_undivided_brain_to_the_byte(divided):
    brains = divided.results / "brains"
    assert len((brains / "mouse_3" / "candidates.csv").read_text().splitlines()) > 100
    for file in ("cells.csv", "cells.xml", "logits.npy"):
        whole = (brains / "mouse_3" / "small" / file).read_bytes()
        assert (brains / "mouse_4" / "small" / file).read_bytes() == whole
        assert (brains / "mouse_5" / "small" / file).read_bytes() == whole


def test_only_a_divided_brain_has_jobs_for_its_chunks(divided):
    rules = [rule for rule, wildcards in divided.jobs if "mouse_4" in wildcards]
    assert rules.count("temporary_cuboids") == rules.count("score_chunk") == 3
    rules = [rule for rule, wildcards in divided.jobs if "mouse_5" in wildcards]
    assert (rules.count("temporary_cuboids"), rules.count("score_chunk")) == (1, 0)
    assert not {"train", "cuboids"} & {rule for rule, _ in divided.jobs}


def test_cuboids_of_brains_to_predict_are_gone_after_their_page_was_made(divided):
    brains = divided.results / "brains"
    for brain in ("mouse_4", "mouse_5"):
        assert not list((brains / brain).rglob("*.zarr"))
        assert not list((brains / brain).rglob("logits/*.npy"))
        page = divided.results / "reports" / "brains" / f"{brain}.html"
        assert "Thumbnails of candidates" in page.read_text()
    assert (brains / "mouse_1" / "cuboids" / "1-of-1.zarr").is_dir()
    assert divided.planned() == []
