"""The first lines of the index page: which arm, how sure, at what cost, what next."""

import re

import numpy as np
import pandas as pd
import pytest

from cellsift.io.json_files import write_json
from cellsift.reporting.at_a_glance import (
    accuracy_and_cost,
    at_a_glance,
    glance_of,
    what_next,
    which_arm,
)
from cellsift.reporting.pareto import on_front
from cellsift.reporting.run_results import RunResults
from cellsift.results import Results

PLAIN = "brightness threshold"
NOTE = "one test brain: a test by brain takes 6, so further brains may differ"


@pytest.fixture
def run(tmp_path):
    """A function that writes the tables of a run and gives its results."""

    def write(f1, verdicts=(), role="test", recall=0.95, rates=()):
        where = Results(tmp_path)
        scores = [
            (arm, "mouse", role, "locked", "f1", value, value - 0.05, value + 0.05)
            for arm, value in f1.items()
        ]
        columns = ["arm", "brain", "role", "scores", "metric", "value", "low", "high"]
        found = {
            "end_to_end": pd.DataFrame(scores, columns=columns),
            "classification": pd.DataFrame(scores, columns=columns),
            "detection": pd.DataFrame(
                [("mouse", role, "recall", recall)], columns=["brain", "role", "metric", "value"]
            ),
            "verdicts": pd.DataFrame(
                [(a, b, "mouse", "f1", said, NOTE) for a, b, said in verdicts],
                columns=["arm_a", "arm_b", "brain", "metric", "verdict", "note"],
            ),
        }
        for name, table in found.items():
            path = where.evaluation(name)
            path.parent.mkdir(parents=True, exist_ok=True)
            table.to_csv(path, index=False)
        for arm, rate in dict(rates).items():
            cost = {"cuboids_per_second": rate, "training_seconds_per_epoch": 6.0}
            where.cost(arm).parent.mkdir(parents=True, exist_ok=True)
            write_json(cost | {"training_epochs": 10}, where.cost(arm))
        arms = [arm for arm in f1 if arm != PLAIN]
        return RunResults(tmp_path, {"arms": arms})

    return write


def text_of(content: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", content)).strip()


def test_the_best_arm_is_named_with_its_interval_and_what_it_is_better_than(run):
    results = run(
        {"wide": 0.9, "narrow": 0.8, PLAIN: 0.5},
        [("wide", "narrow", "better"), (PLAIN, "wide", "worse")],
    )
    said = text_of(at_a_glance(results))
    assert said.startswith("Use wide: F1 0.90 [0.85, 0.95] on the test brain mouse.")
    assert "It is better than a mere threshold on brightness." in said
    assert "It is better than narrow." in said
    assert NOTE in said


def test_an_arm_that_brightness_beats_is_not_recommended(run):
    said = text_of(at_a_glance(run({"wide": 0.5, PLAIN: 0.6}, [("wide", PLAIN, "worse")])))
    assert said.startswith("The best arm is wide, but do not use it: F1 0.50")
    assert "A mere threshold on brightness is better." in said


def test_an_arm_that_is_better_on_the_candidates_alone_is_named(run):
    said = text_of(at_a_glance(run({"wide": 0.9, "narrow": 0.8}, [("narrow", "wide", "better")])))
    assert "On the candidates that have a label narrow is better." in said


def test_swapping_the_names_of_a_pair_changes_nothing(run, tmp_path):
    f1 = {"wide": 0.9, "narrow": 0.8}
    one = at_a_glance(run(f1, [("wide", "narrow", "better")]))
    other = at_a_glance(run(f1, [("narrow", "wide", "worse")]))
    assert one == other


def test_an_arm_that_is_as_good_and_much_faster_is_pointed_out(run):
    results = run(
        {"wide": 0.9, "narrow": 0.89},
        [("wide", "narrow", "not distinguishable")],
        rates={"wide": 100, "narrow": 900},
    )
    lines = which_arm(glance_of(results), None)
    assert "cannot tell it apart from narrow (narrow is 9 times as fast)" in lines[1]
    shown = text_of(at_a_glance(results))
    assert "narrow 0.89 [0.84, 0.94] not distinguishable 111 1" in shown


@pytest.mark.parametrize(
    ("changes", "advice"),
    [
        ({"recall": 0.5}, "mend detection: 50% of the annotated cells"),
        ({"role": "train"}, "annotate a brain that nothing is fitted on"),
        ({"verdicts": [("wide", PLAIN, "not distinguishable")]}, "annotate more cells"),
        (
            {"verdicts": [("wide", PLAIN, "better"), ("wide", "narrow", "not distinguishable")]},
            "to tell such arms apart",
        ),
        (
            {"verdicts": [("wide", PLAIN, "better"), ("wide", "narrow", "better")]},
            "snakemake suggest draws a sample",
        ),
    ],
)
def test_what_is_next_is_what_would_help_most(run, changes, advice):
    results = run({"wide": 0.9, "narrow": 0.8, PLAIN: 0.5}, **changes)
    found = glance_of(results)
    plain = PLAIN if changes.get("verdicts") else None
    assert advice in what_next(results, found, plain)


def test_without_annotation_there_is_nothing_to_say(run):
    results = run({})
    assert at_a_glance(results) == ""
    assert "no two arms" in accuracy_and_cost(results)


def test_an_f1_that_is_not_known_is_not_ranked(run):
    assert glance_of(run({"wide": np.nan})) is None


def test_accuracy_is_drawn_against_cost_where_times_are_known(run):
    f1 = {"wide": 0.9, "narrow": 0.8}
    assert "no two arms" in accuracy_and_cost(run(f1, rates={"wide": 50}))
    assert "<img" in accuracy_and_cost(run(f1, rates={"wide": 50, "narrow": 90}))


def test_of_two_arms_alike_in_all_both_are_on_the_front():
    f1 = pd.Series({"a": 0.9, "b": 0.9, "c": 0.8})
    assert on_front(f1, {"a": 2, "b": 2, "c": 2}) == {"a", "b"}
