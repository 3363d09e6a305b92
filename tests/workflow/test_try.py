"""Detection tried alone: what it computes, says and leaves to the whole run."""

import pytest

from cellsift.results import Results

pytestmark = pytest.mark.slow

STEPS = {"summarise_detection", "show_detection", "try_detection"}


@pytest.fixture(scope="module")
def tried(new_checkout):
    """A checkout in which detection was tried, and what the terminal said."""
    checkout = new_checkout()
    checkout.write_config("small.yaml", detection={"method": "dog", "soma_diameter": 14})
    code, output = checkout.run("--cores", "2", "try_detection")
    assert code == 0, output
    return checkout, output


def test_the_train_brains_are_detected_in_and_nothing_else_is_done(tried):
    checkout, output = tried
    results = Results(checkout.results)
    assert results.detection_page.stat().st_size > 100_000
    assert results.brain("mouse_1").detected.is_file()
    assert not results.brain("mouse_3").path.exists()
    assert not (checkout.results / "training").exists()
    table = output[output.rindex("annotated cells") :]
    assert "mouse_1" in table
    assert "mouse_2" in table
    assert "mouse_3" not in table
    assert "results/reports/detection.html" in table


def test_the_whole_run_does_not_detect_again(tried):
    checkout, _ = tried
    planned = checkout.planned()
    detected = {which for rule, which in planned if rule == "detect_slab"}
    assert detected == {"brain=mouse_3, slab=0"}
    assert not STEPS & {rule for rule, _ in planned}
    projected = {which for rule, which in planned if rule == "projection"}
    assert projected == {"brain=mouse_3"}


def test_another_look_makes_the_page_alone_anew(tried):
    checkout, _ = tried
    assert checkout.planned("try_detection") == []
    again = checkout.planned("try_detection", "--forcerun", "try_detection")
    assert again == [("try_detection", "")]


def test_a_wish_that_cannot_be_had_ends_in_a_page_not_in_a_failure(new_checkout):
    """It is then that one wants to see what detection misses."""
    checkout = new_checkout()
    checkout.leave_out("mouse_2")
    detection = {"method": "cellfinder", "keep": {"recall": 0.999}}
    checkout.write_config("small.yaml", detection=detection)
    code, output = checkout.run("--cores", "2", "try_detection")
    assert code == 0, output
    assert "What keep asks for cannot be had: the wished recall of detection" in output
    assert "Change detection" in Results(checkout.results).detection_page.read_text()
