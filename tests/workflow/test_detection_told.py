"""What a whole run tells of detection, and how it ends where detection is the fault."""

import pytest

pytestmark = pytest.mark.slow

FOLDS = "results/training/folds.csv"
LABELS = "results/brains/mouse_3/labels.csv"
POOR = {"method": "dog", "soma_diameter": 14, "minimum_contrast": 0.9}
NOISE = ("Traceback", "RuleException", "CalledProcessError", "Error in rule", "WorkflowError")


def lines_of(output: str, start: str) -> list[str]:
    return [line for line in output.splitlines() if line.startswith(start)]


@pytest.fixture(scope="module")
def poor(new_checkout):
    """A checkout whose detection finds next to nothing, and what its run, and another, say."""
    checkout = new_checkout()
    checkout.write_config("small.yaml", detection=POOR)
    first = checkout.run("--cores", "2", "--keep-going", FOLDS, LABELS)
    return first, checkout.run("--cores", "2", FOLDS), checkout


def test_each_annotated_brain_is_told_of_with_what_to_change(poor):
    (_, output), _, _ = poor
    for brain in ("mouse_1", "mouse_2", "mouse_3"):
        line, warning = lines_of(output, f"Note: brain {brain}: ")
        assert "of 70 annotated cells" in line or "of them" in line
        assert "recall of detection 0." in line
        assert "Detection misses too much" in warning
        assert "soma_diameter" in warning


@pytest.mark.parametrize("number", [0, 1])
def test_a_refusal_names_detection_as_the_cause_in_one_message(poor, number):
    code, output = poor[number]
    assert code != 0
    (error,) = lines_of(output, "Error: ")
    assert "for 140 annotated cells (recall of detection 0." in error
    assert "change detection in the config" in error
    assert not [word for word in NOISE if word in output]


def test_a_rerun_says_again_what_detection_found(poor):
    (_, first), (_, second), _ = poor
    for brain in ("mouse_1", "mouse_2"):
        assert lines_of(second, f"Note: brain {brain}: ") == lines_of(
            first, f"Note: brain {brain}: "
        )


def test_who_asks_for_quiet_gets_the_messages_of_steps_alone(poor):
    code, output = poor[2].run("--cores", "2", FOLDS, "--quiet", "all")
    assert code != 0
    assert len(lines_of(output, "Error: ")) == 1
    assert lines_of(output, "Note: ") == []
    assert not [word for word in NOISE if word in output]
